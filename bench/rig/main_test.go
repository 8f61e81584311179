package rig

import (
	"testing"

	"go.uber.org/goleak"
)

// A goroutine of rueidis, which refreshes the topology, sleeps for up to a second after Close.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
