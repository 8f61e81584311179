package edge

import (
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// The first answer starts fasthttp's clock, which ends with the process. No test's bubble may start it.
func TestMain(m *testing.M) {
	(&fasthttp.ResponseHeader{}).Header()
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
