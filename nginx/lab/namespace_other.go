//go:build !linux

package lab

import "errors"

// do fails: this system has no namespaces.
func (Namespace) do(func() error) error { return errors.New("network namespaces are Linux'") }
