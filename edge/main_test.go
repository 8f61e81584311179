package edge

import (
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// The first answer that is ever written starts fasthttp's clock, which ends with the process. It must not be written in a test's bubble.
func TestMain(m *testing.M) {
	(&fasthttp.ResponseHeader{}).Header()
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
