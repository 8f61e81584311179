package gate

import (
	"testing"

	"go.uber.org/goleak"
)

// rueidis sleeps for a second after it has checked for a Cluster.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
