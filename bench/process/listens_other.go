//go:build !linux

package process

// Listens cannot be told here.
func Listens(int, string) error { return nil }

// Family is the process alone: its children cannot be told here.
func Family(pid int) []int { return []int{pid} }
