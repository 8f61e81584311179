//go:build !linux

package process

// Listens cannot check this here.
func Listens(int, string) error { return nil }

// Family is the process alone: its children are not known here.
func Family(pid int) []int { return []int{pid} }
