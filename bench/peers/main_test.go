package peers

import (
	"testing"

	"go.uber.org/goleak"
)

// Of fasthttp's servers two goroutines sleep on when they have ended, one of them for ever; so does one of rueidis' when it has
// looked for a cluster.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
