"""ONNX models of a bundle."""
