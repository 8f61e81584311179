package gate

import (
	"testing"

	"go.uber.org/goleak"
)

// rueidis sleeps on for a second when it has looked whether it speaks to a Cluster.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
