from crm_saas.kit.errors import Conflict


class FieldKeyTaken(Conflict):
    type, title = "custom-field-key-taken", "There is a custom field with this key"


class TooManyFields(Conflict):
    type, title = "too-many-custom-fields", "There are as many custom fields as there can be"
