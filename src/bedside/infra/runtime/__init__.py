"""Running a packaged model: ONNX Runtime for the risk, LightGBM for its reasons."""
