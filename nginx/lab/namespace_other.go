//go:build !linux

package lab

import "errors"

// do: there are no namespaces here.
func (Namespace) do(func() error) error { return errors.New("network namespaces are Linux'") }
