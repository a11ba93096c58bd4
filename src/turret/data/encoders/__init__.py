"""Encoders: from columns of raw values to the arrays that a tower reads; one file a kind."""
