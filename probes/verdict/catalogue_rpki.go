package verdict

var rpkiReasons = []Entry{}
