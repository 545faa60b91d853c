# Readline parts the line at `=` and `:` too. Here each word is whole again.
# The argument is the part before the cursor of the word that it stands in, as readline has it.
_hoist_words() {
    local i word rest="$COMP_LINE" space
    words=()
    current=0
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word="${COMP_WORDS[i]}"
        space="${rest%%[![:space:]]*}"
        rest="${rest#"$space"}"
        rest="${rest#"$word"}"
        if ((i == COMP_CWORD)) && [[ $word != [=:]* ]]; then
            word="$1"
        fi
        if ((i > 0)) && [[ -z $space && (-n $word || ${words[${#words[@]} - 1]} == *[=:]) ]]; then
            words[${#words[@]} - 1]+="$word"
        else
            words+=("$word")
        fi
        if ((i == COMP_CWORD)); then
            current=$((${#words[@]} - 1))
        fi
    done
}

_hoist() {
    local IFS=$'\013' words current before="" sign
    _hoist_words "$2"
    COMPREPLY=($(
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$current" \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
        _CLAP_COMPLETE_SPACE=true \
        COMPLETE=bash \
        hoist -- "${words[@]}" 2>/dev/null
    )) || COMPREPLY=()
    # What readline takes for earlier words is there already.
    for sign in = :; do
        if [[ $COMP_WORDBREAKS == *$sign* && ${words[current]} == *$sign* ]]; then
            local part="${words[current]%"${words[current]##*$sign}"}"
            if ((${#part} > ${#before})); then
                before="$part"
            fi
        fi
    done
    if [[ -n $before ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$before"}")
    fi
    # A space ends a word, unless more of it is to follow.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o bashdefault -o nosort -F _hoist hoist
else
    complete -o bashdefault -F _hoist hoist
fi
