//go:build !linux

package process

// Listens cannot be told here.
func Listens(int, string) error { return nil }
