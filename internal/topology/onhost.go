package topology

import "fmt"

// placesOf is where an object has its name and its keys, for what can only be seen on the host that it is about.
func placesOf(name, object *node) map[string][2]int {
	places := map[string][2]int{"": {name.line, name.col}}
	for _, e := range object.entries {
		places[e.key.text] = [2]int{e.value.line, e.value.col}
	}
	return places
}

// Problem begins a problem of a server with a key of its document, which stands in file: where that is, or the server where the document does not have
// the key. Files and addresses are looked at by who may; Compile does not.
func (s *Server) Problem(file, key string) Problem {
	p := Problem{File: file, Object: fmt.Sprintf("server %q", s.Name), Key: "pools." + s.Pool.Name + ".servers." + s.Name + "." + key}
	place, ok := s.places[key]
	if !ok {
		place = s.places[""]
	}
	p.Line, p.Col = place[0], place[1]
	return p
}
