"""Events as bytes, one file a wire; pure."""
