package edge

import (
	"testing"

	"go.uber.org/goleak"
)

// The first answer starts fasthttp's clock, which ends with the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
