package peers

import (
	"testing"

	"go.uber.org/goleak"
)

// After fasthttp's servers have ended, two of their goroutines sleep on, one of them for ever. A goroutine of rueidis sleeps
// on after it has asked whether the server is a Cluster.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
