package memory

// Node is what a script sees of the server it runs on.
type Node struct {
	Era       uint64 // 48 bits of master_replid: another one is another history; 0: the server does not say
	Run       uint64 // 48 bits of run_id, the process; 0: the server does not say
	Replicas  uint64 // online now, of those that can be promoted
	Capped    bool   // the operator says how many of them there are at the most:
	Cap       uint64
	Strangers uint64 // that follow it too, and count for nothing
	Lineup    string // who they are, and how often any has come: lineup() in server.lua
	Followed  uint64 // 48 bits of master_replid2: the history it followed when it was promoted; 0: none
	Fed       Fed    // whether data has come to this process from a master
	File      bool   // it has an append-only file
	Fsynced   bool   // and appendfsync always: what it has answered is on its disk
}

// capped calls strangers who are more than the operator says there are.
func (n Node) capped() Node {
	if n.Capped && n.Replicas > n.Cap {
		n.Strangers += n.Replicas - n.Cap
		n.Replicas = n.Cap
	}
	return n
}

// Fed is what a process says of data from a master.
type Fed int

// What a process says.
const (
	FedUnknown Fed = iota
	NeverFed
	WasFed
)
