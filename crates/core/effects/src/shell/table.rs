//! The programs that people and coding agents use, as data: what the operands are, what the options mean.
//!
//! `strict`: an option that the table lacks could run or open something, so that the command is unprovable with it.
//! A program that is not here runs, and what it does is not known.

use crate::shell::run::Call;
use crate::shell::subcommands::{self as sub, Command};
use crate::shell::walk::Shell;
use crate::shell::{code, database, files, find, git, net, wrappers};
use holdshort_model::Verb;

/// A program.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) does: Does,
    pub(super) options: &'static str,
    pub(super) strict: bool,
}

/// What a program does with its operands.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// Nothing outside itself.
    Nothing,
    /// It runs what this text does not tell.
    Runs,
    /// It runs, and what it does is its business.
    Execute,
    /// Reads them.
    Read,
    /// Reads them, or the present folder.
    List,
    /// Reads them after a pattern.
    Pattern,
    /// Writes them.
    Write,
    /// Deletes them.
    Delete,
    /// Reads all but the last, and writes that.
    Copy,
    /// Deletes all but the last, and writes that.
    Move,
    /// Says who may do what with them.
    Grant,
    /// Runs them, after some that are its own.
    Wrap(usize),
    /// Has sub-commands.
    Commands(&'static [Command]),
    /// Acts on things of a kind, not on files.
    Things(Verb, &'static str),
    /// Has a module.
    Own(fn(&mut Shell, &Call<'_>)),
}

const fn program(name: &'static str, does: Does, options: &'static str) -> Program {
    Program { name, does, options, strict: false }
}

const fn strict(name: &'static str, does: Does, options: &'static str) -> Program {
    Program { name, does, options, strict: true }
}

/// The program of this name.
pub(super) fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().flat_map(|part| part.iter()).find(|program| program.name == name)
}

/// Whether a function of this name would stand in the place of a program or builtin.
pub(super) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

static PROGRAMS: &[&[Program]] = &[FILES, TEXT, BUILTINS, WRAPPERS, CODE, NETWORK, SYSTEM, TOOLS];

const FILES: &[Program] = &[
    program("ls", Does::List, "I,ignore= w,width= color=? sort= time= format="),
    program("cat", Does::Read, ""),
    strict(
        "rm",
        Does::Delete,
        "r,R,recursive:m f,force i I interactive=? v,verbose d,dir x,one-file-system no-preserve-root preserve-root=?",
    ),
    program("cp", Does::Copy, "t,target-directory=:t S,suffix= r,R,recursive a,archive f,force i n v u p"),
    program("mv", Does::Move, "t,target-directory=:t S,suffix= f,force i n v u"),
    program("ln", Does::Copy, "t,target-directory=:t S,suffix= s,symbolic f,force"),
    program("mkdir", Does::Write, "m,mode= p,parents v Z"),
    program("rmdir", Does::Delete, "p,parents:m ignore-fail-on-non-empty v,verbose"),
    program("touch", Does::Write, "d,date= t= r,reference=:r a c m h"),
    program("unlink", Does::Delete, ""),
    program("rimraf", Does::Own(files::trees), "g,glob v,verbose i,interactive preserve-root impl="),
    program("del-cli", Does::Own(files::trees), "f,force d,dry-run"),
    program("shred", Does::Delete, "n,iterations= s,size= random-source=:r u z f v x remove=?"),
    program("wipe", Does::Delete, "r:m f q"),
    program("trash-empty", Does::Things(Verb::Delete, "file"), ""),
    program("srm", Does::Delete, "r,R:m f v"),
    program("trash", Does::Delete, "r f v"),
    program("trash-put", Does::Delete, "r f v"),
    program("truncate", Does::Write, "s,size= r,reference=:r c o"),
    program("mktemp", Does::Write, "p,tmpdir= suffix= d u q t"),
    program("mkfifo", Does::Write, "m="),
    program("tee", Does::Write, "a,append i,ignore-interrupts p output-error=?"),
    program("install", Does::Copy, "m,mode= o,owner= g,group= t,target-directory=:t S= d D v s strip-program=:x"),
    program("dd", Does::Own(files::dd), ""),
    program("chmod", Does::Grant, "R,recursive:m f v c reference=:p"),
    program("chown", Does::Grant, "R,recursive:m f v c h reference=:p from="),
    program("chgrp", Does::Grant, "R,recursive:m f v c h reference=:p"),
    program("chattr", Does::Grant, "R:m V f v= p="),
    program(
        "setfacl",
        Does::Grant,
        "R,recursive:m m,modify=:p M=:p x,remove=:p X= b,remove-all:p k:p d set=:p set-file=:p restore=:p n P L",
    ),
    program("setcap", Does::Grant, "r:p"),
    program("chcon", Does::Grant, "R,recursive:m t,type=:p u= r= l= reference=:p"),
    program("du", Does::List, "d,max-depth= s h a c k m B= exclude= t,threshold="),
    program("df", Does::List, "h T t= x= B= output=?"),
    program("stat", Does::Read, "c,format= printf= f L t"),
    program("file", Does::Read, "b i L f=:r m=:r z e="),
    program("readlink", Does::Read, ""),
    program("realpath", Does::Read, "relative-to= relative-base="),
    program("tree", Does::List, "L= I= P= o=:w a d f charset= filelimit= H= T="),
    program("md5sum", Does::Read, ""),
    program("sha1sum", Does::Read, ""),
    program("sha256sum", Does::Read, ""),
    program("sha512sum", Does::Read, ""),
    program("shasum", Does::Read, "a="),
    program("cksum", Does::Read, "a="),
    program("b2sum", Does::Read, ""),
    strict("tar", Does::Own(files::tar), files::TAR),
    strict("bsdtar", Does::Own(files::tar), files::TAR),
    strict(
        "zip",
        Does::Own(files::zip),
        "r q v 9 8 7 6 5 4 3 2 1 0 j m,move:d x= i= u f d e P= y X D l n= s= T TT=:x o b=:w Z= FS password= g",
    ),
    strict("unzip", Does::Own(files::unzip), "o n q j l:l v:l t:l p:l Z:l d=:c x= P= a C L X K D b u f"),
    program("7z", Does::Execute, ""),
    program("gzip", Does::Own(files::pack), "d k c,stdout:l f l:l t:l v q r 1 2 3 4 5 6 7 8 9 n N S="),
    program("gunzip", Does::Own(files::pack), "k c,stdout:l f l:l t:l v q r n N S="),
    program("bzip2", Does::Own(files::pack), "d k c,stdout:l f t:l v q z 1 9"),
    program("bunzip2", Does::Own(files::pack), "k c,stdout:l f t:l v q"),
    program("xz", Does::Own(files::pack), "d k c,stdout:l f l:l t:l v q z T= 0 1 2 3 4 5 6 7 8 9 e"),
    program("unxz", Does::Own(files::pack), "k c,stdout:l f t:l v q T="),
    program("zstd", Does::Own(files::pack), "d k c,stdout:l f l:l t:l v q T= o=:w r rm 1 3 9 19"),
    program("find", Does::Own(find::run), FIND),
    strict("fd", Does::Own(find::fd), FD),
    strict("fdfind", Does::Own(find::fd), FD),
    program("locate", Does::Nothing, "d=:r n= i"),
    strict("cpio", Does::Execute, ""),
    strict("rsync", Does::Own(net::transfer), net::RSYNC),
    program("mount", Does::Grant, "t=:p o= a:p B R"),
    program("umount", Does::Things(Verb::Delete, "mount"), "l f a:m R:m"),
    program("mkfs", Does::Delete, "t= L= F:m"),
    program("mkfs.ext4", Does::Delete, "L= F:m"),
    program("wipefs", Does::Delete, "a:m"),
    program("blkdiscard", Does::Delete, ""),
    program("fdisk", Does::Write, "l"),
    program("parted", Does::Write, "s"),
    program("losetup", Does::Write, "f"),
];

// `find` has no options in this sense; its module reads the expression, and `unknown` means nothing.
const FIND: &str = "";
const FD: &str = "H,hidden I,no-ignore u,unrestricted s,case-sensitive i,ignore-case g,glob regex F,fixed-strings a,absolute-path \
    l,list-details L,follow p,full-path 0,print0 d,max-depth= min-depth= exact-depth= E,exclude= prune t,type= e,extension= S,size= \
    changed-within= changed-before= o,owner= x,exec:o X,exec-batch:o batch-size= ignore-file=:r c,color=? j,threads= max-results= 1 \
    q,quiet strip-cwd-prefix=? base-directory= path-separator= search-path= one-file-system V,version h,help and= format= hyperlink=?";

const GREP: &str = "e,regexp=:p f,file=:p m,max-count= A,after-context= B,before-context= C,context= include= exclude= exclude-dir= \
    exclude-from=:r color,colour=? d= D= label= r R n i l L c v o q s H h w x E F G P z a b # binary-files= no-messages";
const RG: &str = "e,regexp=:p f,file=:p m,max-count= A,after-context= B,before-context= C,context= g,glob= iglob= t,type= T,type-not= \
    type-add= color= colors= sort= sortr= j,threads= M,max-columns= d,max-depth= r,replace= E,encoding= engine= ignore-file=:r \
    max-filesize= pre=:x pre-glob= hostname-bin=:x hyperlink-format= files:p type-list:p i,ignore-case S,smart-case s,case-sensitive \
    n,line-number N,no-line-number l,files-with-matches files-without-match c,count count-matches v,invert-match w,word-regexp \
    x,line-regexp o,only-matching q,quiet H,with-filename I,no-filename hidden,. no-ignore no-ignore-vcs no-ignore-parent u,unrestricted \
    U,multiline multiline-dotall P,pcre2 F,fixed-strings a,text z,search-zip json stats p,pretty heading no-heading L,follow \
    trim vimgrep column no-messages 0,null debug passthru one-file-system context-separator= b,byte-offset no-config V,version h,help";

const TEXT: &[Program] = &[
    program("head", Does::Read, "n,lines= c,bytes= q v z #"),
    program("tail", Does::Read, "n,lines= c,bytes= f,follow=? F q v z pid= s= retry #"),
    strict(
        "less",
        Does::Own(files::pager),
        "N S R r X F i I n m M g s u E e # p,pattern= o,log-file=:w O=:w k,lesskey-file=:x lesskey-src=:x t,tag=:x T=:x b= P= x= j=",
    ),
    strict("more", Does::Own(files::pager), "d l f p c s u # n="),
    strict("man", Does::Nothing, "k f w a K P,pager=:x H,html=?:x C,config-file=:x M,manpath=:x m= L= s,S,sections= l"),
    strict(
        "bat",
        Does::Read,
        "n,number p,plain l,language= r,line-range= H,highlight-line= style= theme= color= paging= A,show-all pager=:x d,diff",
    ),
    strict("batcat", Does::Read, "n,number p,plain l,language= r,line-range= style= color= paging= pager=:x"),
    program("grep", Does::Pattern, GREP),
    program("egrep", Does::Pattern, GREP),
    program("fgrep", Does::Pattern, GREP),
    program("zgrep", Does::Pattern, GREP),
    strict("rg", Does::Pattern, RG),
    strict(
        "ag",
        Does::Pattern,
        "i l c G= A= B= C= v w Q s S n r g=:p hidden ignore= ignore-dir= pager=:x nocolor m= o u U D",
    ),
    strict("ack", Does::Pattern, "i l c A= B= C= v w Q h n r f:p g:p type= pager=:x nocolor ignore-dir= noenv"),
    program("wc", Does::Read, "files0-from=:x l w c m L"),
    strict(
        "sort",
        Does::Read,
        "o,output=:w k,key= t,field-separator= T,temporary-directory= S,buffer-size= parallel= n r u f h V b d g i M R s c C m z \
        compress-program=:x files0-from=:x random-source=:r batch-size= reverse unique numeric-sort human-numeric-sort version-sort ignore-case",
    ),
    program("uniq", Does::Read, "f= s= w= c d u i z"),
    program("cut", Does::Read, "d,delimiter= f,fields= c,characters= b= s complement output-delimiter= z"),
    program("paste", Does::Read, "d= s z"),
    program("join", Does::Read, "t= j= 1= 2= a= v= o= e= i"),
    program("comm", Does::Read, "1 2 3 i z output-delimiter="),
    program("diff", Does::Read, "u U= c C= r q w b B i N a y W= s x,exclude= label= L= color=? I= strip-trailing-cr"),
    program("cmp", Does::Read, "s l n= i= b"),
    program("tr", Does::Nothing, "d s c C t"),
    program("rev", Does::Read, ""),
    program("tac", Does::Read, "s= b r"),
    program("nl", Does::Read, "b= w= s= n= v="),
    program("fold", Does::Read, "w= s b"),
    program("fmt", Does::Read, "w="),
    program("column", Does::Read, "t s= o= N= c="),
    program("expand", Does::Read, "t= i"),
    program("od", Does::Read, "A= t= N= j= c x w=?"),
    program("xxd", Does::Read, "l= s= c= g= p r i u b"),
    program("hexdump", Does::Read, "n= s= C e= v"),
    program("strings", Does::Read, "n= t= a e="),
    program("iconv", Does::Read, "f= t= o=:w c l"),
    program("base64", Does::Read, "d,D,decode w,wrap= i o=:w"),
    program("base32", Does::Read, "d,decode w,wrap= i"),
    program(
        "jq",
        Does::Pattern,
        "f,from-file=:p arg= argjson= slurpfile= rawfile= indent= r c s n e S C M a j L= tab args raw-output compact-output",
    ),
    strict("yq", Does::Pattern, "i,inplace:i P o= p= e r n M C I= j y N s= f=:p"),
    strict(
        "sed",
        Does::Own(code::sed),
        "n,quiet,silent e,expression=:p f,file=:x i,in-place=?:i s,separate u,unbuffered z,null-data E,r,regexp-extended b,binary \
        l,line-length= posix debug sandbox follow-symlinks help version",
    ),
    strict("awk", Does::Own(code::awk), AWK),
    strict("gawk", Does::Own(code::awk), AWK),
    strict("mawk", Does::Own(code::awk), AWK),
    strict("nawk", Does::Own(code::awk), AWK),
    strict(
        "split",
        Does::Read,
        "l,lines= b,bytes= n,number= d,numeric-suffixes=? a,suffix-length= x filter=:x e u t= additional-suffix=",
    ),
    program("csplit", Does::Read, "f= b= n= k s z"),
    program("patch", Does::Own(files::patch), "p,strip= i,input=:r d= R:i N:i o,output=:w b f:i s:i E dry-run:l"),
    program("dos2unix", Does::Own(files::in_place), "q:i k:i f:i"),
    program("pandoc", Does::Execute, ""),
];
const AWK: &str = "F,field-separator= v,assign= f,file=:x E,exec=:x i,include=:x l,load=:x e,source=:x o=?:w d=?:w p=?:w D=?:x b c S,sandbox P r n h V version";

const BUILTINS: &[Program] = &[
    program("echo", Does::Nothing, ""),
    program("printf", Does::Own(wrappers::names), ""),
    program("true", Does::Nothing, ""),
    program("false", Does::Nothing, ""),
    program(":", Does::Nothing, ""),
    program("test", Does::Own(wrappers::names), ""),
    program("[", Does::Own(wrappers::names), ""),
    program("[[", Does::Own(wrappers::names), ""),
    program("pwd", Does::Nothing, ""),
    program("exit", Does::Nothing, ""),
    program("return", Does::Nothing, ""),
    program("break", Does::Nothing, ""),
    program("continue", Does::Nothing, ""),
    program("set", Does::Nothing, ""),
    program("shopt", Does::Nothing, ""),
    program("shift", Does::Nothing, ""),
    program("wait", Does::Own(wrappers::names), ""),
    program("jobs", Does::Nothing, ""),
    program("fg", Does::Nothing, ""),
    program("bg", Does::Nothing, ""),
    program("disown", Does::Nothing, ""),
    program("times", Does::Nothing, ""),
    program("type", Does::Nothing, ""),
    program("umask", Does::Nothing, ""),
    program("ulimit", Does::Nothing, ""),
    program("read", Does::Own(wrappers::names), ""),
    program("unset", Does::Own(wrappers::names), ""),
    program("getopts", Does::Own(wrappers::names), ""),
    program("let", Does::Runs, ""),
    program("export", Does::Own(wrappers::declare), "n f p"),
    program("declare", Does::Own(wrappers::declare), "a A f F g i I l n:x p r t u x"),
    program("typeset", Does::Own(wrappers::declare), "a A f F g i l n:x p r t u x"),
    program("local", Does::Own(wrappers::declare), "a A i l n:x p r t u x"),
    program("readonly", Does::Own(wrappers::declare), "a A f p"),
    program("cd", Does::Own(wrappers::cd), ""),
    program("pushd", Does::Own(wrappers::cd), ""),
    program("popd", Does::Own(wrappers::cd), ""),
    program("dirs", Does::Nothing, ""),
    program("eval", Does::Own(wrappers::eval), ""),
    program("source", Does::Own(files::source), ""),
    program(".", Does::Own(files::source), ""),
    program("alias", Does::Runs, ""),
    program("unalias", Does::Runs, ""),
    program("trap", Does::Own(wrappers::trap), "l p"),
    program("enable", Does::Runs, ""),
    program("hash", Does::Runs, ""),
    program("bind", Does::Runs, ""),
    program("complete", Does::Runs, ""),
    program("compgen", Does::Runs, ""),
    program("mapfile", Does::Runs, ""),
    program("readarray", Does::Runs, ""),
    program("fc", Does::Runs, ""),
    program("history", Does::Things(Verb::Read, "history"), "c d= a n r w"),
    program("sleep", Does::Nothing, ""),
    program("seq", Does::Nothing, ""),
    program("date", Does::Nothing, "d,date= s,set= f=:r r=:r u R I=?"),
    program("cal", Does::Nothing, ""),
    program("whoami", Does::Nothing, ""),
    program("id", Does::Nothing, ""),
    program("groups", Does::Nothing, ""),
    program("hostname", Does::Nothing, ""),
    program("uname", Does::Nothing, ""),
    program("arch", Does::Nothing, ""),
    program("nproc", Does::Nothing, ""),
    program("uptime", Does::Nothing, ""),
    program("free", Does::Nothing, ""),
    program("tty", Does::Nothing, ""),
    program("which", Does::Nothing, ""),
    program("whereis", Does::Nothing, ""),
    program("basename", Does::Nothing, ""),
    program("dirname", Does::Nothing, ""),
    program("expr", Does::Nothing, ""),
    program("bc", Does::Nothing, ""),
    program("yes", Does::Nothing, ""),
    program("tput", Does::Nothing, ""),
    program("clear", Does::Nothing, ""),
    program("stty", Does::Nothing, ""),
    program("sync", Does::Nothing, ""),
    program("locale", Does::Nothing, ""),
    program("getconf", Does::Nothing, ""),
    program("printenv", Does::Things(Verb::Read, "environment"), ""),
    program("ps", Does::Things(Verb::Read, "process"), ""),
    program("top", Does::Things(Verb::Read, "process"), ""),
    program("pgrep", Does::Things(Verb::Read, "process"), ""),
    program("lsof", Does::Things(Verb::Read, "process"), ""),
    program("who", Does::Things(Verb::Read, "user"), ""),
    program("w", Does::Things(Verb::Read, "user"), ""),
    program("last", Does::Things(Verb::Read, "user"), ""),
    program("dmesg", Does::Things(Verb::Read, "log"), ""),
    program("journalctl", Does::Things(Verb::Read, "log"), ""),
];

const SUDO: &str = "+u,user= g,group= E,preserve-env=? n,non-interactive k K s,shell:x i,login:x S,stdin H P A,askpass:x b p,prompt= C= D,chdir=:c R,chroot=:x \
    T= h,host=:x r= t= v,validate:l l,list:l e,edit:o V,version:l";

const WRAPPERS: &[Program] = &[
    strict(
        "env",
        Does::Own(wrappers::assigning),
        "+i,ignore-environment 0,null u,unset= C,chdir=:c S,split-string=:s v,debug block-signal=? default-signal=? ignore-signal=? list-signal-handling a,argv0=:x",
    ),
    strict("sudo", Does::Own(wrappers::sudo), SUDO),
    strict("doas", Does::Own(wrappers::sudo), "+u= C=:x n s:x L"),
    strict("nice", Does::Wrap(0), "+n,adjustment= #"),
    strict("nohup", Does::Wrap(0), "+"),
    strict("setsid", Does::Wrap(0), "+c,ctty f,fork w,wait"),
    strict("ionice", Does::Wrap(0), "+c,class= n,classdata= t,ignore p,pid="),
    strict("chrt", Does::Wrap(1), "+f r b o i p= R a"),
    strict("taskset", Does::Wrap(1), "+c,cpu-list a p"),
    strict("timeout", Does::Wrap(1), "+s,signal= k,kill-after= preserve-status foreground v,verbose"),
    strict("gtimeout", Does::Wrap(1), "+s,signal= k,kill-after= preserve-status foreground v,verbose"),
    strict("time", Does::Wrap(0), "+p,portability o,output=:w a,append f,format= v,verbose q,quiet"),
    strict("stdbuf", Does::Wrap(0), "+i,input= o,output= e,error="),
    strict("unbuffer", Does::Wrap(0), "+p"),
    strict("command", Does::Wrap(0), "+p v:l V:l"),
    strict("builtin", Does::Wrap(0), "+"),
    strict("noglob", Does::Wrap(0), "+"),
    strict("nocorrect", Does::Wrap(0), "+"),
    strict("exec", Does::Own(wrappers::exec), "+c l a="),
    strict("busybox", Does::Wrap(0), "+list:l help:l install:x"),
    strict("toybox", Does::Wrap(0), "+"),
    strict(
        "flock",
        Does::Wrap(1),
        "+s,shared x,exclusive n,nonblock w,timeout= E,conflict-exit-code= o,close u,unlock F,no-fork c,command=:s v,verbose",
    ),
    strict("strace", Does::Wrap(0), "+f e= o=:w p= s= c t tt v q y"),
    strict("ltrace", Does::Wrap(0), "+f e= o=:w p= s= c"),
    strict("chroot", Does::Wrap(1), "+userspec= groups= skip-chdir"),
    strict("unshare", Does::Wrap(0), "+m n p f u i r,map-root-user U mount-proc=?"),
    strict("nsenter", Does::Wrap(0), "+t= m n p u i a"),
    strict("caffeinate", Does::Wrap(0), "+d i m s u t= w="),
    strict("dbus-run-session", Does::Wrap(0), "+"),
    strict("xvfb-run", Does::Wrap(0), "+a s= n="),
    strict("proxychains", Does::Wrap(0), "+q f=:x"),
    strict("su", Does::Runs, "+c,command=:s s,shell=:x l,login - m p"),
    strict("runuser", Does::Runs, "+c,command=:s s,shell=:x u= l,login"),
    strict(
        "xargs",
        Does::Own(wrappers::xargs),
        "+0,null a,arg-file=:r d,delimiter= E= e,eof=? I=:o i,replace=?:o L= l,max-lines=? n,max-args= P,max-procs= \
        r,no-run-if-empty s,max-chars= t,verbose p,interactive x,exit o,open-tty show-limits process-slot-var= J=:o R=",
    ),
    strict(
        "watch",
        Does::Own(wrappers::joined),
        "+n,interval= d,differences=? t,no-title g,chgexit e,errexit c,color b,beep x,exec p,precise",
    ),
    strict("parallel", Does::Runs, "+"),
    strict("script", Does::Runs, "c,command=:s q a f e"),
    strict("expect", Does::Runs, ""),
    strict("entr", Does::Own(wrappers::xargs), "+c r d n p s z"),
];

const PYTHON: &str = "+c=:x m=:o i:x V,version:l h,help:l B E I O OO P q s S u v W= X= b d x check-hash-based-pycs=";
const NODE: &str = "+e,eval=:x p,print=:x r,require=:x import=:x loader,experimental-loader=:x i,interactive:x v,version:l h,help:l c,check:l \
    max-old-space-size= enable-source-maps env-file=:r test:o watch run=:o no-warnings trace-warnings inspect=?:x inspect-brk=?:x trace-deprecation experimental-strip-types";

const CODE: &[Program] = &[
    program("sh", Does::Own(code::shell), ""),
    program("bash", Does::Own(code::shell), ""),
    program("zsh", Does::Own(code::shell), ""),
    program("dash", Does::Own(code::shell), ""),
    program("ash", Does::Own(code::shell), ""),
    program("ksh", Does::Own(code::shell), ""),
    program("mksh", Does::Own(code::shell), ""),
    program("rbash", Does::Own(code::shell), ""),
    program("fish", Does::Own(code::shell), ""),
    program("csh", Does::Own(code::shell), ""),
    program("tcsh", Does::Own(code::shell), ""),
    program("pwsh", Does::Runs, ""),
    program("powershell", Does::Runs, ""),
    program("cmd", Does::Runs, ""),
    strict("python", Does::Own(code::interpreter), PYTHON),
    strict("pypy", Does::Own(code::interpreter), PYTHON),
    strict("ipython", Does::Runs, ""),
    strict("node", Does::Own(code::interpreter), NODE),
    strict("nodejs", Does::Own(code::interpreter), NODE),
    strict("tsx", Does::Own(code::interpreter), "+e,eval=:x p,print=:x r,require=:x v,version:l h,help:l"),
    strict("ts-node", Does::Own(code::interpreter), "+e,eval=:x p,print=:x r,require=:x v,version:l h,help:l T P="),
    strict(
        "perl",
        Does::Own(code::interpreter),
        "+e=:x E=:x M=:x m=:x I=:x d=?:x D= n p i=?:x l=? a F= 0=? w W c:l v:l V=?:l h:l t T u U s S x=?:x C=? f",
    ),
    strict(
        "ruby",
        Does::Own(code::interpreter),
        "+e=:x r=:x I=:x n p i=?:x a l F= w W c:l v,version:l h,help:l C=:c S d s x=?:x",
    ),
    strict(
        "php",
        Does::Own(code::interpreter),
        "+r=:x R=:x B=:x E=:x F=:x a:x d=:x c=:x z=:x S=:x f=:r n l:l v,version:l h,help:l i:l m:l t=",
    ),
    strict("lua", Does::Own(code::interpreter), "+e=:x l=:x i:x v:l W E"),
    strict("Rscript", Does::Own(code::interpreter), "+e=:x vanilla no-save version:l"),
    strict("osascript", Does::Runs, ""),
    strict("tclsh", Does::Own(code::interpreter), "+"),
    strict("guile", Does::Runs, ""),
    strict("deno", Does::Runs, ""),
    strict("bun", Does::Execute, "e,eval=:x p,print=:x preload,require=:x"),
    strict("java", Does::Execute, "-jar= cp,classpath= agentpath,agentlib,javaagent=:x version"),
    strict("ed", Does::Own(files::editor), ""),
    strict("ex", Does::Own(files::editor), "c=:x"),
    strict("vi", Does::Own(files::editor), "c=:x"),
    strict("vim", Does::Own(files::editor), "c=:x S=:x"),
    strict("nvim", Does::Own(files::editor), "c=:x"),
    strict("view", Does::Own(files::editor), "c=:x"),
    strict("nano", Does::Own(files::editor), ""),
    strict("emacs", Does::Own(files::editor), "eval=:x"),
];

const NETWORK: &[Program] = &[
    strict("curl", Does::Own(net::fetch), net::CURL),
    strict("wget", Does::Own(net::fetch), net::WGET),
    strict(
        "http",
        Does::Own(net::fetch),
        "f,form j,json v,verbose h,headers b,body p,print= a,auth= A,auth-type= o,output=:w d,download F,follow verify= proxy=:u timeout= ignore-stdin s,style=",
    ),
    strict("nc", Does::Own(net::connect), net::NC),
    strict("ncat", Does::Own(net::connect), net::NC),
    strict("netcat", Does::Own(net::connect), net::NC),
    strict("socat", Does::Runs, ""),
    strict("telnet", Does::Own(net::connect), "l= a e=:x n=:w"),
    strict("ssh", Does::Own(net::ssh), net::SSH),
    strict("mosh", Does::Own(net::ssh), "+ssh=:x server=:x p="),
    strict("scp", Does::Own(net::transfer), net::SCP),
    strict("sftp", Does::Own(net::transfer), "o=:o b=:x P= i=:r J=:u F=:x S=:x D=:x s=:x B= R= l= q r v C 4 6 a p N f"),
    strict("ftp", Does::Own(net::connect), "n i v g p"),
    strict("lftp", Does::Runs, ""),
    program("ping", Does::Own(net::connect), "c= i= W= w= s= t= I= 4 6 q n"),
    program("ping6", Does::Own(net::connect), "c= i= W= w= s="),
    program("dig", Does::Own(net::connect), "-p= t= x= f=:r k=:r b= c= q= 4 6"),
    program("nslookup", Does::Own(net::connect), ""),
    program("host", Does::Own(net::connect), "t= c= W="),
    program("whois", Does::Own(net::connect), "h=:u p="),
    program("traceroute", Does::Own(net::connect), "m= w= q= p="),
    program("nmap", Does::Own(net::connect), "p= T= o=:w script=:x iL=:r"),
    program("openssl", Does::Execute, ""),
    program("ssh-keygen", Does::Execute, ""),
    program("ssh-copy-id", Does::Execute, ""),
    program("mail", Does::Own(net::mail), "s= a= c= b= r= A=:r"),
    program("sendmail", Does::Own(net::mail), "f= F= t"),
];

const SYSTEM: &[Program] = &[
    program("kill", Does::Things(Verb::Delete, "process"), "s,signal= n= l,L q # KILL TERM"),
    program("pkill", Does::Own(sub::by_name), "f,full:m x:m u= P= signal= # n o"),
    program("killall", Does::Own(sub::by_name), "s= u= g I r:m w q e v #"),
    program("xkill", Does::Things(Verb::Delete, "process"), ""),
    program("shutdown", Does::Things(Verb::Delete, "machine"), ""),
    program("reboot", Does::Things(Verb::Delete, "machine"), ""),
    program("poweroff", Does::Things(Verb::Delete, "machine"), ""),
    program("halt", Does::Things(Verb::Delete, "machine"), ""),
    program("init", Does::Things(Verb::Delete, "machine"), ""),
    program(
        "systemctl",
        Does::Commands(sub::SYSTEMCTL),
        "-H,host= M= t,type= p,property= n,lines= s,signal= o= user system now force no-pager all q f l a r root=",
    ),
    program("service", Does::Commands(sub::SYSTEMCTL), ""),
    program("launchctl", Does::Commands(sub::SYSTEMCTL), ""),
    program("useradd", Does::Things(Verb::Grant, "user"), "g= G= d= s= u= c= m M r p= U"),
    program(
        "adduser",
        Does::Things(Verb::Grant, "user"),
        "g= G= s= D S h= gecos= disabled-password system ingroup= home= shell=",
    ),
    program("usermod", Does::Things(Verb::Grant, "user"), "a g= G= d= s= u= c= L U p= l= m"),
    program("userdel", Does::Things(Verb::Delete, "user"), "r f"),
    program("deluser", Does::Things(Verb::Delete, "user"), "remove-home"),
    program("groupadd", Does::Things(Verb::Grant, "group"), "g= r"),
    program("groupmod", Does::Things(Verb::Grant, "group"), "g= n="),
    program("groupdel", Does::Things(Verb::Delete, "group"), ""),
    program("gpasswd", Does::Things(Verb::Grant, "group"), "a= d= A= M="),
    program("passwd", Does::Things(Verb::Grant, "user"), "l u d e S"),
    program("chpasswd", Does::Things(Verb::Grant, "user"), ""),
    program("chsh", Does::Things(Verb::Grant, "user"), "s="),
    program("visudo", Does::Things(Verb::Grant, "user"), "f=:w c q s"),
    program("vipw", Does::Things(Verb::Grant, "user"), ""),
    program("iptables", Does::Things(Verb::Grant, "network"), ""),
    program("ip6tables", Does::Things(Verb::Grant, "network"), ""),
    program("nft", Does::Things(Verb::Grant, "network"), "f=:r"),
    program("ufw", Does::Things(Verb::Grant, "network"), ""),
    program("sysctl", Does::Things(Verb::Write, "kernel"), "w p=?:r a n"),
    program("modprobe", Does::Things(Verb::Execute, "kernel"), "r"),
    program("insmod", Does::Things(Verb::Execute, "kernel"), ""),
    program("crontab", Does::Things(Verb::Execute, "schedule"), "u= l r:m e i"),
    program("at", Does::Runs, "f=:r"),
    program("batch", Does::Runs, ""),
    program("systemd-run", Does::Wrap(0), "+u= p= t G user scope on-calendar= on-active="),
    program("apt", Does::Commands(sub::APT), "y q f t= o=:x"),
    program("apt-get", Does::Commands(sub::APT), "y q f t= o=:x"),
    program("apt-cache", Does::Commands(sub::APT), ""),
    program("dpkg", Does::Execute, ""),
    program("yum", Does::Commands(sub::APT), "y q"),
    program("dnf", Does::Commands(sub::APT), "y q"),
    program("apk", Does::Commands(sub::APT), "t="),
    program("pacman", Does::Execute, ""),
    program("brew", Does::Commands(sub::APT), ""),
    program("snap", Does::Commands(sub::APT), ""),
];

const TOOLS: &[Program] = &[
    strict("git", Does::Own(git::run), git::GLOBAL),
    program(
        "gh",
        Does::Commands(sub::GH),
        "R,repo= t,title= b,body= F,body-file=:r l,label= a,assignee= B,base= H,head= json= q,jq= L,limit= s,state= w",
    ),
    program(
        "npm",
        Does::Commands(sub::NPM),
        "prefix=:c script-shell=:x userconfig=:x C=:c g,global D,save-dev E w,workspace=",
    ),
    program("yarn", Does::Commands(sub::NPM), "cwd=:c D,dev"),
    program("pnpm", Does::Commands(sub::NPM), "C,dir=:c filter= D,save-dev r g,global"),
    program("npx", Does::Own(wrappers::package), "+c,call=:s y,yes p,package= no-install q,quiet w,workspace="),
    program("bunx", Does::Own(wrappers::package), "+p,package= bun"),
    program(
        "pip",
        Does::Commands(sub::PIP),
        "r,requirement=:r c,constraint=:r e,editable=:r t,target= i,index-url=:u extra-index-url=:u U,upgrade q y prefix= root= f,find-links=",
    ),
    program("pipx", Does::Commands(sub::PIP), ""),
    program("uv", Does::Commands(UV), "p,python= directory=:c project="),
    program("uvx", Does::Own(wrappers::package), "+from= with= p,python= q"),
    program("poetry", Does::Commands(sub::PIP), "C,directory=:c"),
    program("conda", Does::Commands(sub::PIP), "n,name= c,channel= p= y"),
    program("gem", Does::Commands(sub::PIP), ""),
    program("bundle", Does::Execute, ""),
    program("composer", Does::Execute, ""),
    program("cargo", Does::Commands(sub::CARGO), "+config=:x Z= C=:c q v manifest-path= color= locked offline frozen"),
    program("rustc", Does::Execute, ""),
    program("rustup", Does::Execute, ""),
    program("go", Does::Execute, ""),
    program("make", Does::Execute, "C,directory=:c f,file=:r"),
    program("gmake", Does::Execute, "C,directory=:c f,file=:r"),
    program("ninja", Does::Execute, ""),
    program("cmake", Does::Execute, ""),
    program("gradle", Does::Execute, ""),
    program("mvn", Does::Execute, ""),
    program("just", Does::Execute, ""),
    program("pytest", Does::Execute, ""),
    program("tox", Does::Execute, ""),
    program("docker", Does::Commands(sub::DOCKER), DOCKER),
    program("podman", Does::Commands(sub::DOCKER), DOCKER),
    program("nerdctl", Does::Commands(sub::DOCKER), DOCKER),
    program("docker-compose", Does::Commands(sub::DOCKER), DOCKER),
    program("kubectl", Does::Commands(sub::KUBECTL), KUBECTL),
    program("oc", Does::Commands(sub::KUBECTL), KUBECTL),
    program("helm", Does::Commands(sub::HELM), "n,namespace= f,values=:r kube-context= set= version= post-renderer=:x"),
    program("terraform", Does::Commands(sub::TERRAFORM), TERRAFORM),
    program("tofu", Does::Commands(sub::TERRAFORM), TERRAFORM),
    program("terragrunt", Does::Commands(sub::TERRAFORM), TERRAFORM),
    program("pulumi", Does::Commands(sub::TERRAFORM), "s,stack= C,cwd=:c y"),
    program(
        "aws",
        Does::Commands(sub::CLOUD),
        "profile= region= output= endpoint-url=:u query= recursive:m delete:d cli-input-json=",
    ),
    program("gcloud", Does::Commands(sub::CLOUD), "project= zone= region= format= account= q"),
    program("az", Does::Commands(sub::CLOUD), "subscription= g,resource-group= n,name= o,output="),
    program("gsutil", Does::Commands(GSUTIL), "m o= h="),
    program("doctl", Does::Commands(sub::CLOUD), "t= f"),
    program("heroku", Does::Commands(sub::CLOUD), "a,app="),
    program("flyctl", Does::Commands(sub::CLOUD), "a,app="),
    strict("psql", Does::Own(database::run), database::PSQL),
    strict("mysql", Does::Own(database::run), database::MYSQL),
    strict("mariadb", Does::Own(database::run), database::MYSQL),
    strict("sqlite3", Does::Own(database::run), database::SQLITE),
    program("pg_dump", Does::Things(Verb::Read, "database"), "d= h= U= p= f=:w t= F= a s"),
    program("mysqldump", Does::Things(Verb::Read, "database"), "u= p=? h= P= r=:w"),
    program("dropdb", Does::Things(Verb::Delete, "database"), "h= U= p= i f if-exists"),
    program("createdb", Does::Things(Verb::Write, "database"), "h= U= p= O="),
    program("redis-cli", Does::Commands(REDIS), "h=:u p= a= n= u=:u eval=:x"),
    program("mongosh", Does::Runs, ""),
    program("mongo", Does::Runs, ""),
];

const DOCKER: &str = "+H,host=:u c,context= config=:x D l= f,file=:r p,project-name= profile= env-file=:r";
const KUBECTL: &str = "n,namespace= f,filename=:r l,selector=:m all:m A,all-namespaces:m o,output= context= kubeconfig=:x cluster= user= token= as= s,server=:u c,container= \
    k,kustomize=:r force grace-period= timeout= field-selector=:m tail= since= w p= type= dry-run=? replicas= i t it v= cascade=? now:m";
const TERRAFORM: &str = "-chdir=:c auto-approve var= var-file=:r target= state=:r out=:w input= lock= refresh= upgrade json no-color compact-warnings backend-config= replace= destroy:m parallelism=";
const UV: &[Command] = &[
    Command(
        "pip list|pip show|pip freeze|tree|version|help|python list|tool list",
        &[Verb::Read],
        "package",
        sub::Rest::Each,
    ),
    Command(
        "pip install|add|sync|lock|pip sync|tool install|python install|init|venv",
        &[Verb::Write, Verb::Execute],
        "package",
        sub::Rest::Each,
    ),
    Command(
        "pip uninstall|remove|tool uninstall|python uninstall",
        &[Verb::Delete, Verb::Execute],
        "package",
        sub::Rest::Each,
    ),
    Command("cache clean|cache prune", &[Verb::Delete], "package", sub::Rest::All),
    Command("publish", &[Verb::Send], "package", sub::Rest::All),
    Command("run|tool run", &[Verb::Execute], "process", sub::Rest::Program),
];
const REDIS: &[Command] = &[
    Command("FLUSHALL|FLUSHDB|flushall|flushdb", &[Verb::Delete], "database", sub::Rest::All),
    Command("DEL|UNLINK|HDEL|del|unlink|hdel", &[Verb::Delete], "database", sub::Rest::Each),
    Command(
        "GET|KEYS|INFO|PING|SCAN|TTL|TYPE|get|keys|info|ping|scan|ttl|type",
        &[Verb::Read],
        "database",
        sub::Rest::Each,
    ),
    Command("SET|HSET|EXPIRE|INCR|set|hset|expire|incr", &[Verb::Write], "database", sub::Rest::Each),
];
const GSUTIL: &[Command] = &[
    Command("ls|cat|stat|du|version", &[Verb::Read], "cloud", sub::Rest::Each),
    Command("rm|rb", &[Verb::Delete], "cloud", sub::Rest::All),
    Command("cp|mv|rsync", &[Verb::Send, Verb::Write], "cloud", sub::Rest::Each),
    Command("acl *|iam *|defacl *", &[Verb::Grant], "cloud", sub::Rest::All),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::options;

    #[test]
    fn the_table_is_one() {
        let mut names: Vec<&str> = Vec::new();
        for program in PROGRAMS.iter().flat_map(|part| part.iter()) {
            assert!(!names.contains(&program.name), "{} twice", program.name);
            names.push(program.name);
            assert_eq!(options::check(program.options), Ok(()), "{}", program.name);
        }
        assert!(names.len() > 250, "{}", names.len());
    }
}
