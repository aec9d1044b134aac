"""Audio in, emotions over time out."""
