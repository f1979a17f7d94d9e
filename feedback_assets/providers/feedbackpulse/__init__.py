"""FeedbackPulse: submissions, an answer each."""
