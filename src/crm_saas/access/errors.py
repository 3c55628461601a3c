from crm_saas.kit.errors import Conflict, Problem, Unauthorized


class WrongCredentials(Unauthorized):
    type, title = "wrong-credentials", "The e-mail or the password is wrong"


class NameTaken(Conflict):
    type, title = "name-taken", "Something else has this name"


class AlreadyRevoked(Problem):
    status, type, title = 409, "already-revoked", "It was revoked before"
