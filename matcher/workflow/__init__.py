"""The work around a ranking: needs' lives, dialogues, invitations, alerts and the record.

Every function takes a :class:`~matcher.workflow.desk.Desk` (what it works with) and, where a
person acts, an :class:`~matcher.workflow.desk.Actor` (who, and what that person may touch).
"""
