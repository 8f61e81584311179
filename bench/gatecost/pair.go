package gatecost

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"text/template"

	"spike/bench"
	"spike/bench/front"
	"spike/bench/process"
)

// pair is the two running servers.
type pair struct {
	nginx map[string]*front.Nginx
	flags *flags
}

//go:embed rival.conf.tmpl
var rivalText string

// openPair starts both. No edge is behind the one with flags, so a request that does not find its flag gets a 503.
func openPair(ctx context.Context, dir, flagDir string, sales int) (*pair, error) {
	p := &pair{nginx: map[string]*front.Nginx{}, flags: newFlags(flagDir, sales)}
	if err := p.open(ctx, dir, flagDir); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *pair) open(ctx context.Context, dir, flagDir string) error {
	nobody, err := process.FreeAddr()
	if err != nil {
		return err
	}
	listen, err := process.FreeAddr()
	if err != nil {
		return err
	}
	conf, err := front.Topology{Listen: listen, Edges: []string{nobody}, Weights: []int{1}, GateDir: flagDir, Workers: 1}.Conf()
	if err != nil {
		return err
	}
	if p.nginx[Flag], err = front.StartNginx(ctx, dir, "nginx-flag", listen, conf, http.StatusServiceUnavailable); err != nil {
		return err
	}
	if err = p.keep(0); err != nil {
		return err
	}
	said, err := hear(ctx, p.url(Flag, 0))
	if err != nil {
		return err
	}
	return p.openRival(ctx, dir, said)
}

// openRival starts the nginx that only repeats an answer, and checks that it does.
func (p *pair) openRival(ctx context.Context, dir string, said heard) error {
	listen, err := process.FreeAddr()
	if err != nil {
		return err
	}
	conf, err := rivalConf(listen, said)
	if err != nil {
		return err
	}
	if p.nginx[Return], err = front.StartNginx(ctx, dir, "nginx-return", listen, conf, http.StatusOK); err != nil {
		return err
	}
	again, err := hear(ctx, p.url(Return, 0))
	if err == nil && !reflect.DeepEqual(said, again) {
		err = fmt.Errorf("the two do not say the same: %+v and %+v", said, again)
	}
	return err
}

func rivalConf(listen string, said heard) ([]byte, error) {
	t, err := template.New("rival").Parse(rivalText)
	if err != nil {
		return nil, fmt.Errorf("the other nginx.conf: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct{ Listen, Type, Body string }{listen, said.header.Get("Content-Type"), said.body})
	return b.Bytes(), err
}

// heard is an answer, without its date.
type heard struct {
	header http.Header
	body   string
}

// hear asks for "sold out".
func hear(ctx context.Context, url string) (heard, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return heard{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return heard{}, fmt.Errorf("ask for the answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: nginx does not answer by the flag: %s: %s", bench.ErrDependency, resp.Status, body)
	}
	resp.Header.Del("Date")
	return heard{resp.Header, string(body)}, err
}

func (p *pair) url(name string, sale int) string {
	return "http://" + p.nginx[name].Addr + "/buy/" + p.flags.sales[sale]
}

func (p *pair) close() {
	for _, n := range p.nginx {
		if n != nil {
			n.Stop()
		}
	}
}
