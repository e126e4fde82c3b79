"""`/api/v1`: what JMAP leaves out."""
