// Empty: lets pin.go declare runtime.procPin and procUnpin without a body.
