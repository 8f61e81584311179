//go:build e2e

package main

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts that need a Redis. Each has one of its own, with a sale x whose hash makes no sense in the one of `wrong`.
func TestScriptsWithRedis(t *testing.T) {
	runScripts(t, "testdata/redis", func(env *testscript.Env) error {
		redis := startRedis(t)
		if strings.HasSuffix(env.WorkDir, "wrong") {
			redis.hmset(t, "x", "many")
		}
		env.Setenv("SPIKE_REDIS", redis.addr)
		return nil
	})
}
