package memory

// Node is what a script reads from the server it runs on.
type Node struct {
	Era       uint64 // 48 bits of master_replid: another value is another history; 0: the server does not say
	Run       uint64 // 48 bits of run_id, the process; 0: the server does not say
	Replicas  uint64 // followers that are online and can be promoted
	Capped    bool   // Cap is the most replicas that there are, by the operator's word
	Cap       uint64
	Names     string // theirs, with spaces between
	Strangers uint64 // other followers, which count for nothing
	Lineup    string // the followers, and how often any began to follow: lineup() in server.lua
	Followed  uint64 // 48 bits of master_replid2: the history that it followed when it was promoted; 0: none
	Fed       Fed    // whether this process has got data from a master
	File      bool   // it has an append-only file
	Fsynced   bool   // it has appendfsync always: what it answered is on its disk
}

// capped counts the replicas beyond Cap as strangers.
func (n Node) capped() Node {
	if n.Capped && n.Replicas > n.Cap {
		n.Strangers += n.Replicas - n.Cap
		n.Replicas = n.Cap
	}
	return n
}

// Fed says whether a process has got data from a master.
type Fed int

// The values of Fed.
const (
	FedUnknown Fed = iota
	NeverFed
	WasFed
)
