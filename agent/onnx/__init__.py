"""Models that were exported to ONNX, run by onnxruntime: for devices that have no torch."""
