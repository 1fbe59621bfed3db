"""A newsletter: lists, readers and campaigns, with mails that each reader gets once."""
