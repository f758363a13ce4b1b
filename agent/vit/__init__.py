"""Vision Transformers at n tokens: the only home of torch and timm."""
