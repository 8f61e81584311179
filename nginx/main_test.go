package nginx

import (
	"testing"

	"go.uber.org/goleak"
)

// Two goroutines of fasthttp outlive a server: one for ever, one for ten seconds.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
