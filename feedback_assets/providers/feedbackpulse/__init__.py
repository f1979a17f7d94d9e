"""FeedbackPulse: submissions, each with one answer."""
