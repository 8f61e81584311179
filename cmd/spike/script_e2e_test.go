//go:build e2e

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts that need a Redis. Each has one of its own.
func TestScriptsWithRedis(t *testing.T) {
	runScripts(t, "testdata/redis", func(env *testscript.Env) error {
		env.Setenv("SPIKE_REDIS", startRedis(t).addr)
		return nil
	})
}
