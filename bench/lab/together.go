package lab

import (
	"errors"
	"fmt"
	"sync"
)

// errPanic is a panic of ours. It must not end the program, because then the lab would stay.
var errPanic = errors.New("lab: panic")

// together runs all at once, and returns when all are done.
func together(all ...func() error) error {
	failed := make([]error, len(all))
	var wait sync.WaitGroup
	for i, f := range all {
		wait.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed[i] = fmt.Errorf("%w: %v", errPanic, r)
				}
			}()
			failed[i] = f()
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}
