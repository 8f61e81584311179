package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"spike/bench/rig"
)

// sample is what each part of each layer has carried so far, by its own counters.
type sample []layer

// layer is the parts of one layer. The router counts packets, a director connections, nginx and edges buys.
type layer struct {
	name, counts string
	parts        []part
}

type part struct {
	name string
	n    int64
}

// less is what was carried since an earlier sample. A part that was restarted counts from zero.
func (s sample) less(before sample) (d sample) {
	for i, now := range s {
		l := layer{name: now.name, counts: now.counts}
		for k, p := range now.parts {
			if i < len(before) && before[i].parts[k].n <= p.n {
				p.n -= before[i].parts[k].n
			}
			l.parts = append(l.parts, p)
		}
		d = append(d, l)
	}
	return d
}

// of is the sum of a layer.
func (s sample) of(name string) (sum int64) {
	for _, l := range s {
		if l.name == name {
			sum += l.sum()
		}
	}
	return sum
}

func (l layer) sum() (sum int64) {
	for _, p := range l.parts {
		sum += p.n
	}
	return sum
}

// shares is the percentages of a layer's parts.
func (l layer) shares() string {
	sum := l.sum()
	words := make([]string, len(l.parts))
	for i, p := range l.parts {
		words[i] = "-"
		if sum > 0 {
			words[i] = strconv.FormatInt((100*p.n+sum/2)/sum, 10)
		}
	}
	return strings.Join(words, "/")
}

// sampler reads all counters. A part that does not answer has carried nothing more.
type sampler struct {
	newest sample
	asks   []func(context.Context) error // each asks a part
}

func (l *lab) newSampler() *sampler {
	s, logs := &sampler{}, map[host]*lineCounter{}
	for _, f := range l.fronts {
		logs[f] = &lineCounter{file: filepath.Join(dir, f.Name, accessLog)}
	}
	s.add("router", "packets to", l.directors, l.sentTo)
	s.add("directors", "connections", l.directors, l.passed)
	s.add("nginx", "buys", l.fronts, func(_ context.Context, f host) (int64, error) { return logs[f].count(), nil })
	s.add("edges", "buys", l.edges, buysOf)
	return s
}

func (s *sampler) add(name, counts string, hosts []host, ask func(context.Context, host) (int64, error)) {
	l := layer{name, counts, make([]part, len(hosts))}
	for i, h := range hosts {
		l.parts[i].name = h.Name
		s.asks = append(s.asks, func(ctx context.Context) error {
			n, err := ask(ctx, h)
			if err == nil {
				l.parts[i].n = n
			}
			return err
		})
	}
	s.newest = append(s.newest, l)
}

// take asks all parts at once.
func (s *sampler) take(ctx context.Context) sample {
	_ = together(ctx, s.asks...)
	return s.newest.less(nil) // a copy
}

// sentTo is how many packets the router has sent to a director.
func (l *lab) sentTo(ctx context.Context, d host) (int64, error) {
	text, err := rig.Run(ctx, "", "ip", "-n", string(l.router.Place), "-j", "-s", "link", "show", d.Name)
	return packetsOf(text)[d.Name], err
}

// packetsOf reads ip's output about links.
func packetsOf(text string) map[string]int64 {
	var links []struct {
		Name  string `json:"ifname"`
		Stats struct {
			TX struct {
				Packets int64 `json:"packets"`
			} `json:"tx"`
		} `json:"stats64"`
	}
	_ = json.Unmarshal([]byte(text), &links) // unreadable output counts as nothing carried
	packets := map[string]int64{}
	for _, link := range links {
		packets[link.Name] = link.Stats.TX.Packets
	}
	return packets
}

// passed is how many connections a director has passed on.
func (l *lab) passed(ctx context.Context, d host) (int64, error) {
	b := balancers[l.kind]
	list, err := d.Run(ctx, "", b.program, b.list...)
	if err != nil {
		return 0, err
	}
	return b.sum(list)
}

// buysOf is how many buys an edge has answered, of all sales.
func buysOf(ctx context.Context, e host) (int64, error) {
	m, err := rig.Scrape(ctx, e.Place, adminAddr)
	return int64(m.Sum(rig.BuysTotal)), err
}

// lineCounter counts the buys in a growing log, without the directors' questions.
type lineCounter struct {
	file  string
	at, n int64
}

func (c *lineCounter) count() int64 {
	f, err := os.Open(c.file)
	if err != nil {
		return c.n
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, c.at, math.MaxInt64-c.at)) // what cannot be read yet is read the next time
	c.at += int64(len(text))
	c.n += int64(bytes.Count(text, []byte("\"POST /buy/")))
	return c.n
}
