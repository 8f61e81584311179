package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// lvs is the kernel's own balancer (IPVS) with direct routing. It hashes by Maglev, so every director chooses the same nginx.
type lvs struct{ service }

func (l lvs) restore(b *strings.Builder) Command {
	return Command{"ipvsadm", []string{"-R"}, b.String()}
}

func (l lvs) at(addr string) string { return fmt.Sprintf("%s:%d", addr, l.Port) }

// Begin makes the service.
func (l lvs) Begin() Command {
	var b strings.Builder
	fmt.Fprintf(&b, "-C\n-A -t %s -s mh -b mh-port\n", l.at(l.Address))
	return l.restore(&b)
}

// Live removes fallen nginx and adds risen ones.
func (l lvs) Live(was, live []Real) Command {
	var b strings.Builder
	for _, r := range l.Reals {
		switch had, has := slices.Contains(was, r), slices.Contains(live, r); {
		case had && !has:
			fmt.Fprintf(&b, "-d -t %s -r %s\n", l.at(l.Address), l.at(r.Addr))
		case has && !had:
			fmt.Fprintf(&b, "-a -t %s -r %s -g -w 1\n", l.at(l.Address), l.at(r.Addr))
		}
	}
	return l.restore(&b)
}

// Count lists the connections of each nginx.
func (lvs) Count() Command { return Command{"ipvsadm", []string{"-Ln", "--stats", "--exact"}, ""} }

// Counts reads `  -> 10.2.0.11:80   17 …`.
func (l lvs) Counts(text string) (map[string]int64, error) {
	counts := map[string]int64{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "->" {
			continue
		}
		for _, r := range l.Reals {
			if words[1] != l.at(r.Addr) {
				continue
			}
			n, err := strconv.ParseInt(words[2], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("ipvsadm %q: %w", line, err)
			}
			counts[r.Name] = n
		}
	}
	return counts, nil
}
