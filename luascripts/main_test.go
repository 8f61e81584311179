package luascripts

import (
	"testing"

	"go.uber.org/goleak"
)

// After it has asked whether a server is in a Cluster, a goroutine of rueidis sleeps for a second more.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
