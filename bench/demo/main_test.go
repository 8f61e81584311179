package demo

import (
	"testing"

	"go.uber.org/goleak"
)

// rueidis sleeps a second more after it has asked whether the server is a Cluster.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
