from crm_saas.kit.errors import Conflict


class TooManyAddresses(Conflict):
    type, title = "too-many-addresses", "The customer has as many addresses as one may have"


class AlreadyDecided(Conflict):
    type, title = "already-decided", "The address was verified or rejected before"
