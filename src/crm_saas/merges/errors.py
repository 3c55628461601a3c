from crm_saas.kit.errors import Conflict


class AlreadyMerged(Conflict):
    type, title = "already-merged", "The customer was merged before"


class MergeBlocked(Conflict):
    type, title = "merge-blocked", "These customers cannot be merged as they are"


class AlreadyUndone(Conflict):
    type, title = "already-undone", "The merge was undone before"


class UndoWindowOver(Conflict):
    type, title = "undo-window-over", "The merge is too old to be undone"


class LaterMergeFirst(Conflict):
    type, title = "later-merge-first", "A later merge has to be undone first"


class SweepRunning(Conflict):
    type, title = "sweep-running", "A sweep for duplicates is running"


class SweepOver(Conflict):
    type, title = "sweep-over", "The sweep has ended"


class SuggestionMerged(Conflict):
    type, title = "suggestion-merged", "The two were merged"
