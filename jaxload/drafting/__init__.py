"""Study files drafted from folders of data."""

from jaxload.drafting.draft import Draft, draft_study, write_draft

__all__ = ["Draft", "draft_study", "write_draft"]
