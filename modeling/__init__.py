"""The network: configuration, features, encoder, heads, losses and model."""
