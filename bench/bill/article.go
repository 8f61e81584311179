package bill

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"spike/bench/front"
)

//go:embed article.conf.tmpl
var articleText string

// articleConf is the article's nginx.conf for these servers.
func articleConf(t front.Topology) ([]byte, error) {
	conf, err := template.New("article").Parse(articleText)
	if err != nil {
		return nil, fmt.Errorf("the article's nginx.conf: %w", err)
	}
	var b bytes.Buffer
	err = conf.Execute(&b, t)
	return b.Bytes(), err
}
