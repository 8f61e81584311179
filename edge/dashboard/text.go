package dashboard

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Write prints a look as plain text, for a terminal. rows is how many sales it prints at the most; 0: all.
func (l *Look) Write(out io.Writer, rows int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	l.writeStore(w)
	l.writeSales(w, rows)
	l.writeProcesses(w)
	if l.Detail != nil {
		l.Detail.write(w)
	}
	return w.Flush()
}

func (l *Look) writeStore(w io.Writer) {
	s := &l.Store
	state := "ok"
	if !s.OK {
		state = fmt.Sprintf("HAS NOT ANSWERED for %v: %s", ms(s.Silent).Round(100*time.Millisecond), s.Why)
	}
	fmt.Fprintf(w, "%s  %s %s %s", time.UnixMilli(l.At).Format(time.TimeOnly), s.Kind, s.Address, state)
	if s.Wanted > 0 {
		fmt.Fprintf(w, ", %d of %d replicas", s.Replicas, s.Wanted)
	}
	if s.RoundTrip != nil {
		fmt.Fprintf(w, ", round trip %v", time.Duration(*s.RoundTrip)*time.Microsecond)
	}
	fmt.Fprintln(w)
	for _, risk := range s.Risks {
		fmt.Fprintln(w, "risk:", risk)
	}
}

func (l *Look) writeSales(w io.Writer, rows int) {
	fmt.Fprintln(w, "\nSALE\tSTATE\tTOTAL\tFREE\tLEASED\tLIMBO\tPENDING\tCONFIRMED\tWON/s\tANSWERED/s\tSOLD OUT IN\tAGE\tTROUBLE")
	shown := l.Sales
	if rows > 0 && len(shown) > rows {
		shown = shown[:rows]
	}
	for i := range shown {
		s := &shown[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Sale, s.State, text(s.Total), text(s.Free),
			text(s.Leased), text(s.Limbo), text(s.Pending), text(s.Confirmed), text(s.Won), text(s.Answered), duration(s.SoldOut),
			duration(s.Age), s.Trouble)
	}
	if more := l.SalesTotal - len(shown); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
}

func (l *Look) writeProcesses(w io.Writer) {
	fmt.Fprintln(w, "\nPROCESS\tNODE\tVERSION\tSTATE\tWON/s\tANSWERED/s\tSTOCK\tUNSETTLED\tOLDEST\tHOLDS\tLAST BEAT")
	for i := range l.Processes {
		p := &l.Processes[i]
		oldest := "-"
		if p.Oldest != nil {
			oldest = (time.Duration(*p.Oldest) * time.Microsecond).Round(time.Millisecond).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Kind, p.Node, p.Version, p.state(), text(p.Won),
			text(p.Answered), text(p.Stock), text(p.Unsettled), oldest, p.holds(), duration(p.Age))
	}
}

func (p *Process) state() string {
	switch {
	case p.Gone:
		return "GONE"
	case p.Draining:
		return "draining"
	case p.Ready:
		return "ready"
	}
	return "NOT READY: " + p.Why
}

// holds is what a process holds of all sales.
func (p *Process) holds() string {
	var units, limbo uint64
	for _, l := range p.Leases {
		units, limbo = units+l.Units, limbo+l.Limbo
	}
	if limbo > 0 {
		return fmt.Sprintf("%d, limbo %d", units, limbo)
	}
	return fmt.Sprint(units)
}

func (d *Detail) write(w io.Writer) {
	fmt.Fprintf(w, "\nHOLDER of %s\tUNITS\tLIMBO\tSILENT\n", d.Sale)
	for _, h := range d.Holders {
		fmt.Fprintf(w, "%s %s\t%d\t%d\t%v\n", h.Node, h.Instance, h.Units, h.Limbo, ms(h.Silent).Round(100*time.Millisecond))
	}
	fmt.Fprintln(w)
	for _, m := range d.Marks[max(0, len(d.Marks)-10):] {
		fmt.Fprintln(w, strings.TrimSpace(time.Unix(m.T, 0).Format(time.TimeOnly)+" "+m.What+" "+m.More))
	}
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// text is a figure; "-": it is not known.
func text[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func duration(v *int64) string {
	if v == nil {
		return "-"
	}
	return ms(*v).Round(100 * time.Millisecond).String()
}
