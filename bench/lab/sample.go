package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"spike/bench/rig"
)

// sample is what each part of each layer has carried so far, by its own counters.
type sample struct{ layers []layer }

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
func (s sample) less(before sample) sample {
	var d sample
	for i, now := range s.layers {
		l := layer{name: now.name, counts: now.counts}
		for k, p := range now.parts {
			if i < len(before.layers) && k < len(before.layers[i].parts) && before.layers[i].parts[k].n <= p.n {
				p.n -= before.layers[i].parts[k].n
			}
			l.parts = append(l.parts, p)
		}
		d.layers = append(d.layers, l)
	}
	return d
}

// of is the sum of a layer.
func (s sample) of(name string) (sum int64) {
	for _, l := range s.layers {
		for _, p := range l.parts {
			if l.name == name {
				sum += p.n
			}
		}
	}
	return sum
}

// shares is the percentages of a layer's parts.
func (l layer) shares() string {
	var sum int64
	for _, p := range l.parts {
		sum += p.n
	}
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
	lab   *lab
	lines []lineCounter // of the access logs
	last  map[string]int64
}

func (l *lab) newSampler() *sampler {
	s := &sampler{lab: l, last: map[string]int64{}}
	for _, f := range l.fronts {
		s.lines = append(s.lines, lineCounter{file: filepath.Join(l.dir, f.name, accessLog)})
	}
	return s
}

func (s *sampler) take(ctx context.Context) sample {
	l := s.lab
	links := l.linkPackets(ctx)
	return sample{layers: []layer{
		s.layer("router", "packets to", l.directors, func(_ int, d host) (int64, error) { return links[d.name], nil }),
		s.layer("directors", "connections", l.directors, func(_ int, d host) (int64, error) { return l.passed(ctx, d) }),
		s.layer("nginx", "buys", l.fronts, func(i int, _ host) (int64, error) { return s.lines[i].count(), nil }),
		s.layer("edges", "buys", l.edges, func(_ int, e host) (int64, error) { return buysOf(ctx, e) }),
	}}
}

// layer asks all parts of a layer at once. If a part does not answer, its last answer stands.
func (s *sampler) layer(name, counts string, hosts []host, ask func(int, host) (int64, error)) layer {
	l := layer{name: name, counts: counts, parts: make([]part, len(hosts))}
	var all []func() error
	for i, h := range hosts {
		l.parts[i] = part{h.name, s.last[name+h.name]}
		all = append(all, func() error {
			n, err := ask(i, h)
			if err == nil {
				l.parts[i].n = n
			}
			return err
		})
	}
	_ = together(all...)
	for _, p := range l.parts {
		s.last[name+p.name] = p.n
	}
	return l
}

// linkPackets is the number of packets that the router has sent on each of its links.
func (l *lab) linkPackets(ctx context.Context) map[string]int64 {
	text, err := rig.Run(ctx, "", "ip", "-n", string(l.router.Place), "-j", "-s", "link", "show")
	if err != nil {
		return nil
	}
	return packetsOf(text)
}

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
func (l *lab) passed(ctx context.Context, d host) (sum int64, err error) {
	c := l.balancer.Count()
	text, err := d.Run(ctx, c.Input, c.Program, c.Args...)
	if err != nil {
		return 0, err
	}
	counts, err := l.balancer.Counts(text)
	for _, n := range counts {
		sum += n
	}
	return sum, err
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
	if _, err = f.Seek(c.at, io.SeekStart); err != nil {
		return c.n
	}
	room := make([]byte, 1<<16)
	for {
		k, err := f.Read(room)
		c.at += int64(k)
		c.n += int64(bytes.Count(room[:k], []byte("\"POST /buy/")))
		if err != nil {
			return c.n
		}
	}
}
