package nginx

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What pages of other sites may send and read. A test compares it with the edges.
const (
	corsMethods = "GET, HEAD, POST"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate"
	corsMaxAge  = 600
)

const maxOrigins = 64

var originShape = regexp.MustCompile(
	`^(https?)://([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?$`)

// CheckOrigin accepts an origin in the form that browsers send. Another form would never match.
func CheckOrigin(origin string) error {
	parts := originShape.FindStringSubmatch(origin)
	switch {
	case origin == "*":
		return errors.New(`"*" would let every site buy in its visitors' names: name the sites`)
	case parts == nil:
		return fmt.Errorf("%q is no origin such as https://shop.example or http://localhost:8080 (small letters, no path)",
			origin)
	case parts[1]+parts[4] == "https:443", parts[1]+parts[4] == "http:80":
		return fmt.Errorf("%q: browsers leave out %s", origin, parts[4])
	}
	return nil
}

func checkOrigins(origins []string) error {
	if len(origins) > maxOrigins {
		return wrong("cors_origins", fmt.Errorf("at most %d, not %d", maxOrigins, len(origins)))
	}
	for i, o := range origins {
		if err := CheckOrigin(o); err != nil {
			return wrong(fmt.Sprintf("cors_origins[%d]", i), err)
		}
		if j := slices.Index(origins, o); j < i {
			return wrong(fmt.Sprintf("cors_origins[%d]", i), fmt.Errorf("%s is cors_origins[%d] too", o, j))
		}
	}
	return nil
}

// Always is the headers of every answer, of nginx and of edges. A block with an add_header of its own inherits none, so it must
// repeat these.
func (p page) Always(indent int) string {
	lines := []string{"Cache-Control no-store"}
	if len(p.CORSOrigins) > 0 {
		lines = append(lines, "Vary Origin", "Access-Control-Allow-Origin $cors_origin",
			"Access-Control-Expose-Headers $cors_exposed")
	}
	text := ""
	for _, l := range lines {
		text += "\n" + strings.Repeat(" ", indent) + "add_header " + l + " always;"
	}
	return text
}

// Preflight is the headers of an answer to a browser that asks whether a page may send a request.
func (p page) Preflight(indent int) string {
	text := p.Always(indent)
	for _, l := range []string{"Methods '" + corsMethods + "'", "Headers '" + corsHeaders + "'"} {
		text += "\n" + strings.Repeat(" ", indent) + "add_header Access-Control-Allow-" + l + " always;"
	}
	return text + fmt.Sprintf("\n%sadd_header Access-Control-Max-Age %d always;", strings.Repeat(" ", indent), corsMaxAge)
}

// Exposed is the headers of answers that pages may read.
func (page) Exposed() string { return corsExposed }
