package verdict

var dnssecReasons = []Entry{}
