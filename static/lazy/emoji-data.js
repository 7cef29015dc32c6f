// Made by tests/client/support/make-emoji-data.js from emojibase-data 17.0.0; the licences are in emoji-data.txt.
//
// A line with "# " begins a group, with "- " a subgroup and the words by which all of it is found. Each other line is a glyph with its name and, after |,
// more words. ± stands for a man and a woman of the same kind. Flags of regions have no name here: the browser knows them.

export const EMOJI = `
# Smileys & emotion
- smiling face happy smile
😀grinning face|nice laugh teeth cheery cheerful
😃grinning face with big eyes|yay open mouth teeth awesome
😄grinning face with smiling eyes|lol open laugh mouth
😁beaming face with smiling eyes|nice teeth grinning
😆grinning squinting face|lol eyes open rofl laugh mouth
😅grinning face with sweat|cold open mouth excited nervous dejected
🤣rolling on the floor laughing|joy lol haha hehe lmao tear
😂face with tears of joy|lol haha hehe lmao feels funny
🙂slightly smiling face
🙃upside-down face|hehe
🫠melting face|hot lol haha heat liquid sarcasm
😉winking face|sexy flirt slide tease winks heartbreaker
😊smiling face with smiling eyes|glad blush satisfied
😇smiling face with halo|tale angels spirit angelic blessed fantasy
- affectionate face ily smile
🥰smiling face with hearts|you love adore crush romance
😍smiling face with heart-eyes|143 bae love xoxo feels hearts
🤩star-struck|wow eyes eyed starry excited grinning
😘face blowing a kiss|bae you miss muah xoxo flirt
😗kissing face|143 you date love xoxo flirt
☺️smiling face|happy relaxed outlined
😚kissing face with closed eyes|143 bae date xoxo blush flirt
😙kissing face with smiling eyes|143 date love flirt night closed
🥲smiling face with tear|joy glad pain happy proud smiley
- with tongue face
😋face savoring food|um eat full smile tasty yummy
😛face with tongue|out cool nice party stuck sweet
😜winking face with tongue|eye out epic joke yolo crazy
🤪zany face|eyes crazy goofy large small
😝squinting face with tongue|omg out eyes yolo gross stuck
🤑money-mouth face|paid
- with hands face
🤗smiling face with open hands|hugging
🤭face with hand over mouth|oops shock giggle secret sudden whoops
🫢face with open eyes and hand over mouth|awe omg gasp quiet shock scared
🫣face with peeking eye|shy hide peep stare hiding scared
🤫shushing face|shh quiet
🤔thinking face|hmm chin consider pondering wondering
🫡saluting face|ma am ok sir yes good
- neutral skeptical face
🤐zipper-mouth face|keep shut quiet secret
🤨face with raised eyebrow|hmm mild what emoji distrust surprise
😐neutral face|oh meh fine blank shade awkward
😑expressionless face|oh uh meh not omg dead
😶face without mouth|mute blank quiet secret silent awkward
🫥dotted line face|meh wtv hide hidden whatever depressed
😶‍🌫️face in clouds|fog head absentminded
😏smirking face|sly boss leer smug swag flirt
😒unamused face|smh ugh uhh fine bored jelly
🙄face with rolling eyes|ugh shade eyeroll whatever
😬grimacing face|smile awkward dentist grimace smiling grinning
😮‍💨face exhaling|gasp sigh groan smoke exhale relief
🤥lying face|lie liar pinocchio
🫨shaking face|omg wow daze whoa crazy panic
🙂‍↔️head shaking horizontally|no shake
🙂‍↕️head shaking vertically|nod yes
- sleepy face
😌relieved face|zen calm peace relief
😔pensive face|sad died lost awful bored sucks
😪sleepy face|sad good night tired crying sleeping
🤤drooling face
😴sleeping face|nap zzz yawn night tired bedtime
🫩face with bags under eyes|late bored tired weary fatigued exhausted
- unwell face
😷face with medical mask|dr cold sick germs doctor dentist
🤒face with thermometer|ill sick
🤕face with head-bandage|hurt ouch injury
🤢nauseated face|sick gross nasty vomit
🤮face vomiting|ew up barf puke sick spew
🤧sneezing face|flu sick fever sneeze gesundheit
🥵hot face|red heat dying faced stroke tongue
🥶cold face|blue faced teeth icicles subzero freezing
🥴woozy face|eyes wavy dizzy drunk mouth tipsy
😵face with crossed-out eyes|dead sick dizzy feels tired knocked
😵‍💫face with spiral eyes|omg whoa woah dizzy woozy smiley
🤯exploding head|no way blown explode shocked mindblown
- with hats face
🤠cowboy hat face|cowgirl
🥳partying face|bday horn happy hooray excited birthday
🥸disguised face|spy nose tash tache person eyebrow
- with glasses face
😎smiling face with sunglasses|bro rad win cool slay swag
🤓nerd face|geek smart brainy clever expert gifted
🧐face with monocle|rich fancy classy stuffy wealthy
- concerned face
😕confused face|hm meh not sad sure dunno
🫤face with diagonal mouth|meh wtv unsure confused doubtful whatever
😟worried face|sad worry nerves anxious nervous stressed
🙁slightly frowning face|sad
☹️frowning face|sad
😮face with open mouth|omg wow you whoa forgot unreal
😯hushed face|omg epic whoa woah stunned surprised
😲astonished face|no omg way cost shocked totally
😳flushed face|hot wow dead geez heat jeez
🥺pleading face|big not sad why eyes mercy
🥹face holding back tears|aww cry joy sad proud please
😦frowning face with open mouth|wow what guard scary caught scared
😧anguished face|wow what scary forgot scared unhappy
😨fearful face|blame afraid scared anxious worried
😰anxious face with sweat|eek blue cold open mouth yikes
😥sad but relieved face|not call time whew close sweat
😢crying face|sad miss tear awful feels triste
😭loudly crying face|sad sob tears bawling unhappy
😱face screaming in fear|epic woah munch scared fearful shocked
😖confounded face|mad sad feels cringe annoyed confused
😣persevering face|focus headache persevere concentrate concentration
😞disappointed face|sad fail awful blame losing unhappy
😓downcast face with sweat|sad cold close feels yikes scared
😩weary face|mad sad fail nooo feels tired
😫tired face|nap sad cost feels sneeze
🥱yawning face|nap zzz bored night tired sleepy
- negative face
😤face with steam from nose|mad won fume fury anger angry
😡enraged face|red rage anger angry feels shade
😠angry face|rage anger blame feels shade upset
🤬face with symbols on mouth|mad censor pissed cursing cussing swearing
😈smiling face with horns|evil tale demon devil shade smile
👿angry face with horns|imp evil tale demon devil shade
💀skull|body dead lmao tale yolo death
☠️skull and crossbones|bone dead death monster
- costumed creatures face monster fairy fairytale fantasy tale
💩pile of poo|bs doo fml smh dung poop
🤡clown face
👹ogre|mask devil scary
👺goblin|mask mean angry
👻ghost|boo scary silly excited haunting halloween
👽alien|ufo space extraterrestrial
👾alien monster|ufo gamer games space pixelated extraterrestrial
🤖robot
- cat faces animal
😺grinning cat|open mouth smile smiling
😸grinning cat with smiling eyes|smile
😹cat with tears of joy|lol laughing
😻smiling cat with heart-eyes|love smile
😼cat with wry smile|ironic
😽kissing cat|eyes closed
🙀weary cat|oh surprised
😿crying cat|sad tear
😾pouting cat
- monkey faces evil forbidden gesture no prohibited secret animal not
🙈see-no-evil monkey|omg smh hide watch forgot scared
🙉hear-no-evil monkey|shh tmi ears listen
🙊speak-no-evil monkey|oops quiet stealth
- hearts 143 emotion
💌love letter|mail romance valentine
💘heart with arrow|ily date love cupid adorbs romance
💝heart with ribbon|ily xoxo kisses valentine anniversary
💖sparkling heart|ily good xoxo night kisses excited
💗growing heart|ily muah xoxo pulse kisses excited
💓beating heart|ily love pulse cardio heartbeat pulsating
💞revolving hearts|adorbs anniversary
💕two hearts|ily date love xoxo dating kisses
💟heart decoration|white hearth purple
❣️heart exclamation|mark heavy punctuation
💔broken heart|sad break lonely crushed heartbroken
❤️‍🔥heart on fire|burn love lust sacred
❤️‍🩹mending heart|well healthier improving recovering recuperating
❤️red heart|love
🩷pink heart|ily cute like love sweet special
🧡orange heart
💛yellow heart|ily love cardiac
💚green heart|ily love romantic
💙blue heart|ily love romance
🩵light blue heart|ily sky cute cyan like love
💜purple heart|ily love bestest
🤎brown heart
🖤black heart|evil wicked
🩶grey heart|ily gray love slate silver special
🤍white heart
- emotions
💋kiss mark|lips sexy heart dating kissing romance
💯hundred points|100 yup full keep true agree
💢anger symbol|mad angry comic upset
💥collision|bomb boom comic collide explode
💫dizzy|comic stars shining shooting
💦sweat droplets|wet drip comic drops water squirt
💨dashing away|fart fast gone cloud comic gotta
🕳️hole
💬speech balloon|sms talk text comic bubble dialog
👁️‍🗨️eye in speech bubble|balloon witness
🗨️left speech bubble|dialog balloon
🗯️right anger bubble|mad angry balloon
💭thought balloon|idea cloud comic dream think bubble
💤ZZZ|comic night tired sleepy sleeping goodnight
# People & body
- fingers open hand
👋waving hand|hi bye cya g2g gtg hey
🤚raised back of hand|backhand
🖐️hand with fingers splayed|stop raised
✋raised hand|five high stop
🖖vulcan salute|hands
🫱rightwards hand|hold reach shake handshake
🫲leftwards hand|hold reach shake handshake
🫳palm down hand|up pick shoo dismiss dropped
🫴palm up hand|me come hold know lift tell
🫷leftwards pushing hand|five halt high hold slap stop
🫸rightwards pushing hand|five halt high hold slap stop
- hand signs
👌OK hand|bet rad dope okay sure fleek
🤌pinched fingers|huh ugh zip hold what relax
🤏pinching hand|bit sort small amount little fingers
✌️victory hand|peace
🤞crossed fingers|luck
🫰hand with index finger and thumb crossed|love snap heart money expensive
🤟love-you gesture|ily three fingers
🤘sign of the horns|on rock finger
🤙call me hand|hang loose shaka
- finger pointing hand index
👈backhand index pointing left
👉backhand index pointing right
👆backhand index pointing up
🖕middle finger
👇backhand index pointing down
☝️index pointing up|this
🫵index pointing at the viewer|you poke
- fingers closed hand fist
👍thumbs up|yes good like
👎thumbs down|bad good nope dislike
✊raised fist|punch clenched solidarity
👊oncoming fist|bro boom bruh bump rock ttyl
🤛left-facing fist|leftwards
🤜right-facing fist|rightwards
- hands
👏clapping hands|job yay good nice well great
🙌raising hands|hooray praise raised gesture celebration
🫶heart hands|you love
👐open hands|hug jazz swerve
🤲palms up together|dua wish cupped prayer
🤝handshake|deal shake meeting agreement
🙏folded hands|ask beg bow thx cmon five
- hand props
✍️writing hand|write
💅nail polish|care done bored makeup manicure whatever
🤳selfie|phone camera
- body parts
💪flexed biceps|arm bro gym beast bench curls
🦾mechanical arm|prosthetic accessibility
🦿mechanical leg|prosthetic accessibility
🦵leg|bent foot kick knee limb
🦶foot|feet kick ankle stomp
👂ear|ears sound hearing listening
🦻ear with hearing aid|hard accessibility
👃nose|odor noses nosey smells
🧠brain|smart intelligent
🫀anatomical heart|red beat real organ pulse heartbeat
🫁lungs|organ breathe exhalation inhalation respiration
🦷tooth|teeth white pearly dentist
🦴bone|dog bones skeleton wishbone
👀eyes|omg face peep googly seeing looking
👁️eye|one
👅tongue|lick slurp
👄mouth|beauty kissing lipstick
🫦biting lip|bite fear kiss sexy worry anxious
- people adult
👶baby|goo young babies infant newborn children
🧒child|kid eyed bright younger grandchild
👦boy|kid son eyed child bright younger
👧girl|kid eyed child virgo bright zodiac
🧑person
👱person: blond hair±|human haired
👨man|bro
🧔person: beard±|bearded whiskers
👩woman|lady
🧑‍🦰person: red hair±
🧑‍🦱person: curly hair±
🧑‍🦳person: white hair±
🧑‍🦲person: bald±
🧓older person|wise elderly grandparent
👴old man|bald wise gramps elderly grandpa grandfather
👵old woman|lady wise granny elderly grandma grandmother
- gestures person
🙍person frowning±|upset annoyed disturbed irritated frustrated disgruntled
🙎person pouting±|sulk frown scowl upset whine grimace
🙅person gesturing NO±|not hand prohibit forbidden
🙆person gesturing OK±|omg hand exercise
💁person tipping hand±|flip fetch flick sassy gossip sarcasm
🙋person raising hand±|me here know pick raise question
🧏deaf person±|ear hear accessibility
🙇person bowing±|ask beg pity favor sorry regret
🤦person facepalming±|oh not omg smh again shock
🤷person shrugging±|idk who doubt dunno guess knows
- roles careers
🧑‍⚕️health worker±|nurse doctor therapist healthcare
🧑‍🎓student±|graduate
🧑‍🏫teacher±|lecturer professor instructor
🧑‍⚖️judge±|law scales justice
🧑‍🌾farmer±|rancher gardener
🧑‍🍳cook±|chef
🧑‍🔧mechanic±|plumber electrician tradesperson
🧑‍🏭factory worker±|assembly industrial
🧑‍💼office worker±|white collar manager business architect
🧑‍🔬scientist±|chemist engineer biologist physicist mathematician
🧑‍💻technologist±|coder computer inventor software developer
🧑‍🎤singer±|star actor rockstar entertainer
🧑‍🎨artist±|palette
🧑‍✈️pilot±|plane
🧑‍🚀astronaut±|space rocket
🧑‍🚒firefighter±|firetruck
👮police officer±|cop law over arrest pulled citation
🕵️detective|spy sleuth
🕵️‍♂️man detective|spy sleuth
🕵️‍♀️woman detective|spy sleuth
💂guard±|helmet london palace buckingham
🥷ninja|sly war hidden person secret skills
👷construction worker±|fix hat man build person repair
🫅person with crown|noble regal monarch royalty
🤴prince|king tale crown fantasy royalty fairytale
👸princess|tale crown queen fantasy royalty fairytale
👳person wearing turban±
👲person with skullcap|pi cap hat mao guapi chinese
🧕woman with headscarf|hijab tichel bandana kerchief mantilla
🤵person in tuxedo±|formal wedding
👰person with veil±|wedding
🤰pregnant woman
🫃pregnant man|full belly bloated overeat
🫄pregnant person|full belly bloated overeat stuffed
🤱breast-feeding|mom baby woman mother nursing
🧑‍🍼person feeding baby±|nanny parent newborn nursing
- fantasy
👼baby angel|face tale church fairytale
🎅Santa Claus|tale xmas fairy merry father holiday
🤶Mrs. Claus|tale xmas fairy merry santa mother
🧑‍🎄Mx Claus|tale xmas fairy merry santa holiday
🦸superhero±|good hero superpower
🦹supervillain±|bad evil villain criminal superpower
🧙mage±|play magic spell witch summon wizard
🧚fairy±|myth tale pixie wings person fairytale
🧛vampire±|blood fangs scary teeth undead dracula
🧜merperson|sea ocean siren trident creature folklore
🧜‍♂️merman|sea ocean siren triton neptune trident
🧜‍♀️mermaid|sea ocean siren trident creature folklore
🧝elf±|myth elves magical folklore enchantment
🧞genie±|rub jinn lamp myth djinn wishes
🧟zombie±|dead scary horror undead walking halloween
🧌troll|tale fairy monster trolling
- activities person
💆person getting massage±|spa face salon soothe tension therapy
💇person getting haircut±|cut chop groom style barber beauty
🚶person walking±|man gait hike pace amble stride
🚶‍➡️person walking: facing right|man gait hike pace amble stride
🚶‍♀️‍➡️woman walking: facing right|man gait hike pace amble stride
🚶‍♂️‍➡️man walking: facing right|gait hike pace amble stride stroll
🧍person standing±
🧎person kneeling±|knees
🧎‍➡️person kneeling: facing right|knees
🧎‍♀️‍➡️woman kneeling: facing right|knees
🧎‍♂️‍➡️man kneeling: facing right|knees
🧑‍🦯person with white cane±|blind probing accessibility
🧑‍🦯‍➡️person with white cane: facing right±|blind probing accessibility
🧑‍🦼person in motorized wheelchair±|accessibility
🧑‍🦼‍➡️person in motorized wheelchair: facing right±|accessibility
🧑‍🦽person in manual wheelchair±|accessibility
🧑‍🦽‍➡️person in manual wheelchair: facing right±|accessibility
🏃person running±|fast move race rush hurry quick
🏃‍➡️person running: facing right|fast move race rush hurry quick
🏃‍♀️‍➡️woman running: facing right|fast move race rush hurry quick
🏃‍♂️‍➡️man running: facing right|fast move race rush hurry quick
💃woman dancing|let flair salsa tango dancer groove
🕺man dancing|let flair salsa tango dancer groove
🕴️person in suit levitating|business
👯people with bunny ears±|bff pair bestie dancer double partying
🧖person in steamy room±|day spa relax sauna pamper unwind
🧗person climbing±|up rock scale climber mountain
- athletics
🤺person fencing|sword fencer
🏇horse racing|sport jockey riding racehorse
⛷️skier|snow
🏂snowboarder|ski sport
🏌️person golfing|pga tee ball putt caddy green
🏌️‍♂️man golfing|pga tee ball putt caddy green
🏌️‍♀️woman golfing|pga tee ball putt caddy green
🏄person surfing±|beach ocean sport swell waves surfer
🚣person rowing boat±|oar lake raft canoe river cruise
🏊person swimming±|sport swimmer freestyle triathlon
⛹️person bouncing ball|net throw player dribble basketball championship
⛹️‍♂️man bouncing ball|net throw player dribble basketball championship
⛹️‍♀️woman bouncing ball|net throw player dribble basketball championship
🏋️person lifting weights|lifter barbell workout deadlift bodybuilder powerlifting
🏋️‍♂️man lifting weights|lifter barbell workout deadlift bodybuilder powerlifting
🏋️‍♀️woman lifting weights|lifter barbell workout deadlift bodybuilder powerlifting
🚴person biking±|bike cycle sport riding bicycle cyclist
🚵person mountain biking±|bike cycle sport riding bicycle cyclist
🤸person cartwheeling±|flip happy active excited gymnastics somersault
🤼people wrestling±|duel ring combat grapple wrestle tournament
🤽person playing water polo±|sport swimming waterpolo
🤾person playing handball±|lob ball hurl toss catch chuck
🤹person juggling±|act skill handle juggle manage balance
- resting person
🧘person in lotus position±|zen legs yoga yogi cross peace
🛀person taking bath|tub bathtub
🛌person in bed|nap zzz hotel night sleep tired
- family child
🧑‍🤝‍🧑people holding hands|bae bff flirt twins bestie couple
👭women holding hands|bae bff flirt girls twins bestie
👫woman and man holding hands|bae bff flirt twins bestie couple
👬men holding hands|bae bff boys flirt twins bestie
💏kiss|bae babe date love mwah xoxo
👩‍❤️‍💋‍👨kiss: woman, man|bae babe date love mwah xoxo
👨‍❤️‍💋‍👨kiss: man, man|bae babe date love mwah xoxo
👩‍❤️‍💋‍👩kiss: woman, woman|bae babe date love mwah xoxo
💑couple with heart|bae you babe kiss love dating
👩‍❤️‍👨couple with heart: woman, man|bae you babe kiss love dating
👨‍❤️‍👨couple with heart: man, man|bae you babe kiss love dating
👩‍❤️‍👩couple with heart: woman, woman|bae you babe kiss love dating
👨‍👩‍👦family: man, woman, boy
👨‍👩‍👧family: man, woman, girl
👨‍👩‍👧‍👦family: man, woman, girl, boy
👨‍👩‍👦‍👦family: man, woman, boy, boy
👨‍👩‍👧‍👧family: man, woman, girl, girl
👨‍👨‍👦family: man, man, boy
👨‍👨‍👧family: man, man, girl
👨‍👨‍👧‍👦family: man, man, girl, boy
👨‍👨‍👦‍👦family: man, man, boy, boy
👨‍👨‍👧‍👧family: man, man, girl, girl
👩‍👩‍👦family: woman, woman, boy
👩‍👩‍👧family: woman, woman, girl
👩‍👩‍👧‍👦family: woman, woman, girl, boy
👩‍👩‍👦‍👦family: woman, woman, boy, boy
👩‍👩‍👧‍👧family: woman, woman, girl, girl
👨‍👦family: man, boy
👨‍👦‍👦family: man, boy, boy
👨‍👧family: man, girl
👨‍👧‍👦family: man, girl, boy
👨‍👧‍👧family: man, girl, girl
👩‍👦family: woman, boy
👩‍👦‍👦family: woman, boy, boy
👩‍👧family: woman, girl
👩‍👧‍👦family: woman, girl, boy
👩‍👧‍👧family: woman, girl, girl
- people symbols
🗣️speaking head|face silhouette
👤bust in silhouette|shadow mysterious
👥busts in silhouette|bff friends everyone
🫂people hugging|love hello thanks comfort embrace goodbye
👪family|child
🧑‍🧑‍🧒family: adult, adult, child
🧑‍🧑‍🧒‍🧒family: adult, adult, child, child
🧑‍🧒family: adult, child
🧑‍🧒‍🧒family: adult, child, child
👣footprints|omw walk print barefoot clothing
🫆fingerprint|clue crime print trace safety mystery
# Animals & nature
- mammals animal
🐵monkey face|banana
🐒monkey|banana
🦍gorilla
🦧orangutan|ape monkey
🐶dog face|pet puppy adorbs puppies
🐕dog|pet dogs animals
🦮guide dog|blind accessibility
🐕‍🦺service dog|assistance accessibility
🐩poodle|dog fluffy
🐺wolf|face
🦊fox|face
🦝raccoon|sly curious
🐱cat face|pet kitty kitten
🐈cat|pet cats kitten animals
🐈‍⬛black cat|meow feline unlucky halloween
🦁lion|leo face mane rawr roar alpha
🐯tiger face|big cat predator
🐅tiger|big cat zoo predator
🐆leopard|big cat zoo predator
🐴horse face|farm equine horses dressage
🫎moose|elk alces antlers
🫏donkey|ass mule burro hinny stubborn
🐎horse|farm racing racehorse equestrian
🦄unicorn|face
🦓zebra|stripe
🦌deer
🦬bison|herd wisent buffalo
🐮cow face|moo farm milk
🐂ox|bull farm taurus zodiac animals
🐃water buffalo|zoo
🐄cow|moo farm milk animals
🐷pig face|farm pork bacon
🐖pig|sow farm pork bacon
🐗boar|pig
🐽pig nose|face farm smell snout
🐏ram|zoo male aries horns sheep zodiac
🐑ewe|baa farm lamb wool sheep female
🐐goat|farm milk zodiac capricorn
🐪camel|one hump desert dromedary
🐫two-hump camel|desert bactrian
🦙llama|wool alpaca vicuña guanaco
🦒giraffe|spots
🐘elephant
🦣mammoth|tusk large wooly extinction
🦏rhinoceros
🦛hippopotamus
🐭mouse face
🐁mouse|animals
🐀rat
🐹hamster|pet face
🐰rabbit face|pet bunny
🐇rabbit|pet bunny
🐿️chipmunk|squirrel
🦫beaver|dam teeth
🦔hedgehog|spiny
🦇bat|vampire
🐻bear|face growl honey grizzly
🐻‍❄️polar bear|white arctic
🐨koala|bear down face under australia marsupial
🐼panda|face bamboo
🦥sloth|lazy slow
🦦otter|fishing playful
🦨skunk|stink
🦘kangaroo|joey jump marsupial
🦡badger|honey pester
🐾paw prints|feet paws
- birds animal ornithology
🦃turkey|gobble thanksgiving
🐔chicken
🐓rooster
🐣hatching chick|egg baby
🐤baby chick
🐥front-facing baby chick|newborn
🐦bird
🐧penguin|antarctica
🕊️dove|fly peace
🦅eagle
🦆duck
🦢swan|ugly cygnet duckling
🦉owl|wise
🦤dodo|large extinction
🪶feather|light flight plumage
🦩flamingo|tropical flamboyant
🦚peacock|proud peahen pretty colorful ostentatious
🦜parrot|talk pirate
🪽wing|soar ascend flying angelic aviation heavenly
🐦‍⬛black bird|caw beak crow rook raven corvid
🪿goose|duck fowl honk flock geese silly
🐦‍🔥phoenix|rise glory ascend emerge revive fantasy
- amphibians
🐸frog|face animal
- reptiles animal
🐊crocodile|zoo
🐢turtle|terrapin tortoise
🦎lizard
🐍snake|bearer zodiac serpent ophiuchus
🐲dragon face|tale fairytale
🐉dragon|tale knights fairytale
🦕sauropod|dinosaur diplodocus brontosaurus brachiosaurus
🦖T-Rex|dinosaur tyrannosaurus
- marine life animal
🐳spouting whale|face beach ocean
🐋whale|beach ocean
🐬dolphin|beach ocean flipper
🦭seal|lion ocean
🐟fish|dinner fishes pisces zodiac fishing
🐠tropical fish|fishes
🐡blowfish|fish
🦈shark|fish
🐙octopus|ocean creature
🐚spiral shell|sea beach conch
🪸coral|sea reef ocean change climate
🪼jellyfish|sea burn ouch ocean stinger aquarium
🦀crab|cancer zodiac
🦞lobster|claws bisque seafood
🦐shrimp|food small shellfish
🦑squid|food mollusk
🦪oyster|pearl diving
- bugs animal insect
🐌snail|slug garden nature escargot
🦋butterfly|pretty
🐛bug|garden
🐜ant|garden
🐝honeybee|bee nature spring bumblebee
🪲beetle
🐞lady beetle|garden nature ladybug ladybird
🦗cricket|orthoptera grasshopper
🪳cockroach|pest roach
🕷️spider
🕸️spider web
🦂scorpion|zodiac scorpius
🦟mosquito|bite pest fever virus disease malaria
🪰fly|pest maggot disease rotting
🪱worm|annelid parasite earthworm
🦠microbe|virus amoeba science bacteria
- flowers plant
💐bouquet|date love romance birthday anniversary
🌸cherry blossom|springtime
💮white flower
🪷lotus|calm peace beauty purity buddhism hinduism
🏵️rosette
🌹rose|red love beauty elegant valentine
🥀wilted flower|dying
🌺hibiscus
🌻sunflower|outdoors
🌼blossom|buttercup dandelion
🌷tulip|growth blossom
🪻hyacinth|bloom lilac shrub indigo lupine purple
- other plants
🌱seedling|young sprout sapling
🪴potted plant|grow decor house nurturing
🌲evergreen tree|pine forest christmas
🌳deciduous tree|green forest habitat shedding
🌴palm tree|beach tropical
🌵cactus|desert nature drought
🌾sheaf of rice|ear grains
🌿herb|leaf
☘️shamrock|irish
🍀four leaf clover|irish lucky
🍁maple leaf|falling
🍂fallen leaf|autumn falling
🍃leaf fluttering in wind|blow
🪹empty nest|home branch nesting
🪺nest with eggs|bird branch nesting
🍄mushroom|fungus toadstool
🪾leafless tree|bare dead wood trunk barren winter
# Food & drink
- fruit
🍇grapes|dionysus
🍈melon|cantaloupe
🍉watermelon
🍊tangerine|citrus orange vitamin nectarine
🍋lemon|sour citrus
🍋‍🟩lime|key sour zest salsa tangy citrus
🍌banana|potassium
🍍pineapple|pina colada tropical
🥭mango|food tropical
🍎red apple|diet food ripe health
🍏green apple
🍐pear
🍑peach
🍒cherries|red cherry berries
🍓strawberry|berry
🫐blueberries|food berry berries bilberry blueberry
🥝kiwi fruit|food
🍅tomato|food vegetable
🫒olive|food
🥥coconut|palm piña colada
- vegetables
🥑avocado|food fruit
🍆eggplant|aubergine
🥔potato|food
🥕carrot|food
🌽ear of corn|farm maze crops maize
🌶️hot pepper
🫑bell pepper|food capsicum
🥒cucumber|food pickle
🥬leafy green|bok choy kale salad burgers cabbage
🥦broccoli|wild cabbage
🧄garlic|flavoring
🧅onion|flavoring
🥜peanuts|nut food
🫘beans|food small kidney legume
🌰chestnut|plant almond
🫚ginger root|beer herb spice health natural
🫛pea pod|legume veggie edamame soybean beanstalk
🍄‍🟫brown mushroom|food fungi pizza spore fungus nature
🫜root vegetable|beet food salad garden radish turnip
- cooked prepared
🍞bread|food loaf carbs grain toast wheat
🥐croissant|food roll bread french crescent breakfast
🥖baguette bread|food french
🫓flatbread|food naan pita arepa bread lavash
🥨pretzel|twisted convoluted
🥯bagel|bread bakery schmear breakfast
🥞pancakes|food crêpe hotcake breakfast
🧇waffle|iron breakfast indecisive
🧀cheese wedge
🍖meat on bone
🍗poultry leg|bone hungry turkey chicken drumstick
🥩cut of meat|red chop steak lambchop porkchop
🥓bacon|food meat breakfast
🍔hamburger|eat fast food burger hungry
🍟french fries|fast food
🍕pizza|food slice cheese hungry pepperoni
🌭hot dog|hotdog sausage frankfurter
🥪sandwich|bread
🌮taco|mexican
🌯burrito|wrap mexican
🫔tamale|food mexican pamonha wrapped
🥙stuffed flatbread|food gyro kebab falafel
🧆falafel|chickpea meatball
🥚egg|food breakfast
🍳cooking|up egg pan easy over side
🥘shallow pan of food|paella casserole
🍲pot of food|soup stew
🫕fondue|pot ski food cheese melted chocolate
🥣bowl with spoon|cereal congee oatmeal porridge breakfast
🥗green salad|food
🍿popcorn|corn movie
🧈butter|dairy
🧂salt|mad salty taste upset flavor shaker
🥫canned food
- asian food
🍱bento box
🍘rice cracker
🍙rice ball|japanese
🍚cooked rice
🍛curry rice
🍜steaming bowl|pho soup ramen noodle chopsticks
🍝spaghetti|pasta meatballs restaurant
🍠roasted sweet potato
🍢oden|kebab stick skewer seafood restaurant
🍣sushi
🍤fried shrimp|prawn tempura
🍥fish cake with swirl|pastry restaurant
🥮moon cake|autumn yuèbǐng festival
🍡dango|stick sweet skewer dessert japanese
🥟dumpling|gyōza jiaozi pierogi empanada potsticker
🥠fortune cookie|prophecy
🥡takeout box|pail oyster delivery chopsticks
- seafood dessert sweet
🍦soft ice cream|food serve icecream restaurant
🍧shaved ice|restaurant
🍨ice cream|food restaurant
🍩doughnut|food donut breakfast
🍪cookie|chip chocolate
🎂birthday cake|bday happy pastry celebration
🍰shortcake|cake slice pastry
🧁cupcake|sugar treat bakery sprinkles
🥧pie|meat apple fruit slice pastry filling
🍫chocolate bar|candy tooth halloween
🍬candy|tooth wrapper cavities halloween restaurant
🍭lollipop|food candy restaurant
🍮custard|pudding
🍯honey pot|jar bear food barrel honeypot
- drink
🍼baby bottle|born milk birth babies infant newborn
🥛glass of milk
☕hot beverage|tea cafe chai coffee morning caffeine
🫖teapot|pot brew food
🍵teacup without handle|cup oolong beverage
🍶sake|bar cup bottle beverage restaurant
🍾bottle with popping cork|bar
🍷wine glass|bar club booze drinks alcohol beverage
🍸cocktail glass|bar mad men club booze drinks
🍹tropical drink|bar mai tai club booze drunk
🍺beer mug|ale bar pint booze stein drinks
🍻clinking beer mugs|bar booze cheers drinks alcohol bottoms
🥂clinking glasses|celebrate
🥃tumbler glass|shot liquor scotch whisky whiskey
🫗pouring liquid|oops empty glass spill water accident
🥤cup with straw|malt soda soft juice water
🧋bubble tea|boba food milk pearl
🧃beverage box|juice straw sweet
🧉mate
🧊ice|cold cube iceberg
- dishware
🥢chopsticks|hashi kuaizi jeotgarak
🍽️fork and knife with plate|eat dinner cooking
🍴fork and knife|eat feed food lunch yummy breaky
🥄spoon|eat tableware
🔪kitchen knife|chef tool hocho weapon cooking
🫙jar|empty sauce store nothing condiment container
🏺amphora|jug tool drink weapon zodiac cooking
# Travel & places
- globes maps world
🌍globe showing Europe-Africa|earth
🌎globe showing Americas|earth
🌏globe showing Asia-Australia|earth
🌐globe with meridians|web earth internet worldwide
🗺️world map
🗾map of Japan
🧭compass|magnetic direction navigation orienteering
- geographic locations
🏔️snow-capped mountain|cold
⛰️mountain
🌋volcano|nature eruption mountain
🗻mount fuji|nature mountain
🏕️camping
🏖️beach with umbrella
🏜️desert
🏝️desert island
🏞️national park
- buildings
🏟️stadium
🏛️classical building
🏗️building construction|crane
🧱brick|clay wall bricks mortar
🪨rock|heavy solid stone tough boulder
🪵wood|log lumber timber
🛖hut|home yurt house shelter roundhouse
🏘️houses
🏚️derelict house|home
🏠house|home heart ranch where settle simple
🏡house with garden|home heart ranch where settle simple
🏢office building|job city cubical
🏣Japanese post office
🏤post office|european
🏥hospital|doctor medicine
🏦bank
🏨hotel
🏩love hotel
🏪convenience store|24 hours
🏫school
🏬department store
🏭factory
🏯Japanese castle
🏰castle|european
💒wedding|chapel hitched romance nuptials
🗼Tokyo tower
🗽Statue of Liberty|new nyc york
- religious buildings religion
⛪church|bless cross chapel christian
🕌mosque|islam masjid muslim
🛕hindu temple
🕍synagogue|jewish temple judaism
⛩️shinto shrine
🕋kaaba|hajj islam umrah muslim
- other places
⛲fountain
⛺tent|camping
🌁foggy
🌃night with stars
🏙️cityscape
🌄sunrise over mountains|morning
🌅sunrise|nature morning
🌆cityscape at dusk|sunset evening building landscape
🌇sunset|dusk building
🌉bridge at night
♨️hot springs|steaming hotsprings
🎠carousel horse|entertainment
🛝playground slide|park theme playing sliding amusement
🎡ferris wheel|park theme amusement
🎢roller coaster|park theme amusement
💈barber pole|cut fresh shave haircut
🎪circus tent
- ground transportation
🚂locomotive|steam engine trains travel caboose railway
🚃railway car|tram train travel electric trolleybus
🚄high-speed train|railway shinkansen
🚅bullet train|high nose speed travel railway shinkansen
🚆train|choo arrived railway
🚇metro|subway travel
🚈light rail|arrived railway monorail
🚉station|train railway
🚊tram|trolleybus
🚝monorail|vehicle
🚞mountain railway|car trip
🚋tram car|bus trolleybus
🚌bus|school vehicle
🚍oncoming bus|cars
🚎trolleybus|bus tram
🚐minibus|bus van drive vehicle
🚑ambulance|vehicle emergency
🚒fire engine|truck
🚓police car|cops patrol
🚔oncoming police car
🚕taxi|car drive cabbie yellow vehicle
🚖oncoming taxi|cars hail drove cabbie yellow
🚗automobile|car driving vehicle
🚘oncoming automobile|cars drove vehicle
🚙sport utility vehicle|car drive recreational sportutility
🛻pickup truck|up car flatbed automobile
🚚delivery truck|car drive vehicle
🚛articulated lorry|car move semi drive truck vehicle
🚜tractor|vehicle
🏎️racing car|zoom
🏍️motorcycle|racing
🛵motor scooter
🦽manual wheelchair|accessibility
🦼motorized wheelchair|accessibility
🛺auto rickshaw|tuk
🚲bicycle|bike gang ride class cycle cycling
🛴kick scooter
🛹skateboard|board skater wheels
🛼roller skate|sport blades skates
🚏bus stop|busstop
🛣️motorway|road highway
🛤️railway track|train
🛢️oil drum
⛽fuel pump|diesel station fuelpump gasoline
🛞wheel|car tire turn circle vehicle
🚨police car light|alarm alert siren beacon emergency revolving
🚥horizontal traffic light|signal stoplight intersection
🚦vertical traffic light|drove signal stoplight intersection
🛑stop sign|octagonal
🚧construction|barrier
- water transportation boat
⚓anchor|ship tool
🛟ring buoy|swim float saver rescue safety lifesaver
⛵sailboat|sea yacht resort sailing
🛶canoe
🚤speedboat|lake luxury summer travel billionaire millionaire
🛳️passenger ship
⛴️ferry|passenger
🛥️motor boat|motorboat
🚢ship|travel passenger
- air transportation
✈️airplane|jet plane flying travel aeroplane
🛩️small airplane|plane aeroplane
🛫airplane departure|in check plane aeroplane departures
🛬airplane arrival|plane landing arrivals arriving aeroplane
🪂parachute|hang glide skydive parasail
💺seat|chair
🚁helicopter|copter travel vehicle roflcopter
🚟suspension railway
🚠mountain cableway|ski lift gondola
🚡aerial tramway|car cable gondola ropeway
🛰️satellite|space
🚀rocket|space launch travel rockets
🛸flying saucer|ufo extra aliens terrestrial
- hotel
🛎️bellhop bell
🧳luggage|bag roller travel packing suitcase
- time clock
⌛hourglass done|sand timer
⏳hourglass not done|sand yolo hours timer flowing waiting
⌚watch
⏰alarm clock|hrs late hours waiting
⏱️stopwatch
⏲️timer clock
🕰️mantelpiece clock
🕛twelve o’clock|12 00
🕧twelve-thirty|12 30
🕐one o’clock|00
🕜one-thirty|30
🕑two o’clock|00
🕝two-thirty|30
🕒three o’clock|00
🕞three-thirty|30
🕓four o’clock|00
🕟four-thirty|30
🕔five o’clock|00
🕠five-thirty|30
🕕six o’clock|00
🕡six-thirty|30
🕖seven o’clock|00
🕢seven-thirty|30
🕗eight o’clock|00
🕣eight-thirty|30
🕘nine o’clock|00
🕤nine-thirty|30
🕙ten o’clock|10 00
🕥ten-thirty|10 30
🕚eleven o’clock|11 00
🕦eleven-thirty|11 30
- weather
🌑new moon|dark space
🌒waxing crescent moon|space dreams
🌓first quarter moon|space
🌔waxing gibbous moon|space
🌕full moon|space
🌖waning gibbous moon|space
🌗last quarter moon|space
🌘waning crescent moon|space
🌙crescent moon|space ramadan
🌚new moon face|space
🌛first quarter moon face|space
🌜last quarter moon face|dreams
🌡️thermometer
☀️sun|rays space sunny bright
🌝full moon face|bright
🌞sun with face|day heat beach shine sunny bright
🪐ringed planet|saturnine
⭐star|stars white medium astronomy
🌟glowing star|win night shining sparkle glittery
🌠shooting star|night space falling
🌌milky way|space
☁️cloud
⛅sun behind cloud|cloudy
⛈️cloud with lightning and rain|thunderstorm
🌤️sun behind small cloud
🌥️sun behind large cloud
🌦️sun behind rain cloud
🌧️cloud with rain
🌨️cloud with snow|cold
🌩️cloud with lightning
🌪️tornado|cloud whirlwind
🌫️fog|cloud
🌬️wind face|blow cloud
🌀cyclone|dizzy twister typhoon hurricane
🌈rainbow|gay glbtq pride queer nature lesbian
🌂closed umbrella|rain clothing
☂️umbrella|rain clothing
☔umbrella with rain drops|clothing
⛱️umbrella on ground|sun rain
⚡high voltage|zap danger nature lightning electricity thunderbolt
❄️snowflake|cold
☃️snowman|man cold
⛄snowman without snow|man cold
☄️comet|space
🔥fire|af hot burn tool flame litaf
💧droplet|sad cold tear comic sweat water
🌊water wave|ocean nature surfer surfing
# Activities
- events holidays celebration
🎃jack-o-lantern|pumpkin halloween
🎄Christmas tree
🎆fireworks|boom yolo entertainment
🎇sparkler|boom fireworks
🧨firecracker|light spark popping dynamite explosive fireworks
✨sparkles|star magic
🎈balloon|birthday celebrate
🎉party popper|tada hooray woohoo awesome excited birthday
🎊confetti ball|party woohoo celebrate
🎋tanabata tree|banner japanese
🎍pine decoration|plant bamboo japanese
🎎Japanese dolls|festival
🎏carp streamer
🎐wind chime|bell
🎑moon viewing ceremony
🧧red envelope|lai see gift good luck money
🎀ribbon
🎁wrapped gift|bow box present birthday surprise christmas
🎗️reminder ribbon
🎟️admission tickets
🎫ticket|stub admission
- award medals
🎖️military medal|celebration
🏆trophy|slay prize sport champs victory winning
🏅sports medal|gold winner
🥇1st place medal|gold first
🥈2nd place medal|second silver
🥉3rd place medal|third bronze
- sports
⚽soccer ball|futbol football
⚾baseball|ball
🥎softball|ball glove underarm
🏀basketball|ball hoop
🏐volleyball|ball game
🏈american football|ball bowl super
🏉rugby football|ball
🎾tennis|ball racquet
🥏flying disc|ultimate
🎳bowling|ball game strike
🏏cricket game|bat ball
🏑field hockey|ball game stick
🏒ice hockey|game puck stick
🥍lacrosse|ball goal stick
🏓ping pong|bat ball game table paddle tennis
🏸badminton|game birdie racquet shuttlecock
🥊boxing glove
🥋martial arts uniform|judo karate taekwondo
🥅goal net
⛳flag in hole|golf
⛸️ice skate|skating
🎣fishing pole|entertainment
🤿diving mask|scuba snorkeling
🎽running shirt|sash athletics
🎿skis|snow
🛷sled|luge snow sledge sleigh toboggan
🥌curling stone|game rock
- games hobbies
🎯bullseye|hit dart direct target entertainment
🪀yo-yo|toy fluctuate
🪁kite|fly soar
🔫water pistol|gun tool weapon handgun revolver
🎱pool 8 ball|8ball eight billiard
🔮crystal ball|tale tool magic future fantasy fortune
🪄magic wand|witch wizard magician
🎮video game|controller entertainment
🕹️joystick|videogame
🎰slot machine|slots casino gamble gambling
🎲game die|dice entertainment
🧩puzzle piece|clue jigsaw interlocking
🧸teddy bear|toy plush stuffed plaything
🪅piñata|de mayo candy cinco party pinada
🪩mirror ball|dance disco party glitter
🪆nesting dolls|russia babushka babooshka baboushka matryoshka
♠️spade suit|card
♥️heart suit|card hearts emotion
♦️diamond suit|card
♣️club suit|card clubs
♟️chess pawn|dupe expendable
🃏joker|card wildcard
🀄mahjong red dragon
🎴flower playing cards|japanese
- arts crafts
🎭performing arts|mask actor actress theater theatre thespian
🖼️framed picture|museum painting
🎨artist palette|arty artsy museum painter colorful creative
🧵thread|spool needle sewing string
🪡sewing needle|thread sutures stitches tailoring embroidery
🧶yarn|ball knit crochet
🪢knot|tie cord rope twine twist tangled
# Objects
- clothing
👓glasses|eyewear eyeglasses
🕶️sunglasses|dark eyewear glasses
🥽goggles|eye dive scuba welding swimming protection
🥼lab coat|dr white doctor jacket clothes scientist
🦺safety vest|emergency
👔necktie|tie shirt serious employed
👕t-shirt|blue casual collar tshirt clothes dressed
👖jeans|blue denim pants casual clothes dressed
🧣scarf|up cold neck bundle
🧤gloves|hand
🧥coat|up brr cold bundle jacket
🧦socks|stocking
👗dress|fancy clothes dressed shopping
👘kimono|comfortable
🥻sari|dress
🩱one-piece swimsuit|suit bathing
🩲briefs|one suit piece bathing swimsuit underwear
🩳shorts|suit pants bathing swimsuit underwear
👙bikini|pool suit swim beach bathing
👚woman’s clothes|lady shirt blouse collar dressed shopping
🪭folding hand fan|hot shy clap clack dance flirt
👛purse|coin dress fancy clothes handbag shopping
👜handbag|bag lady dress purse clothes shopping
👝clutch bag|dress pouch purse clothes handbag
🛍️shopping bags|hotel
🎒backpack|bag school bookbag satchel rucksack education
🩴thong sandal|flip flop shoe zōri beach thongs
👞man’s shoe|feet foot kick brown shoes clothes
👟running shoe|fast kick shoes tennis clothes sneaker
🥾hiking boot|shoe brown camping outdoors backpacking
🥿flat shoe|on comfy flats ballet slipper
👠high-heeled shoe|dress heels shoes woman clothes fashion
👡woman’s sandal|shoe
🩰ballet shoes|dance
👢woman’s boot|dress shoes clothes shopping
🪮hair pick|afro comb groom
👑crown|win king queen family royalty medieval
👒woman’s hat|hats party garden clothes
🎩top hat|fancy magic formal tophat clothes
🎓graduation cap|hat scholar education celebration
🧢billed cap|dad hat bent baseball
🪖military helmet|army soldier warrior
⛑️rescue worker’s helmet|aid hat face cross
📿prayer beads|necklace religion
💄lipstick|date makeup cosmetics
💍ring|shiny diamond engaged married romance wedding
💎gem stone|jewel money diamond romance wedding engagement
- sound
🔇muted speaker|quiet silent
🔈speaker low volume|soft
🔉speaker medium volume
🔊speaker high volume|loud music
📢loudspeaker|public address communication
📣megaphone|cheering
📯postal horn
🔔bell|break church
🔕bell with slash|not mute quiet silent forbidden prohibited
- music
🎼musical score|note
🎵musical note|sound
🎶musical notes|sound
🎙️studio microphone
🎚️level slider
🎛️control knobs
🎤microphone|sing sound karaoke
🎧headphone|sound earbud
📻radio|tbt video entertainment
- musical instruments
🎷saxophone
🎺trumpet
🪗accordion|box concertina squeezebox
🎸guitar|strat
🎹musical keyboard|piano
🎻violin
🪕banjo|stringed
🥁drum|drumsticks
🪘long drum|beat conga rhythm
🪇maracas|cha dance party rattle shaker percussion
🪈flute|band fife pipe piccolo flautist marching
🪉harp|love cupid orchestra
- phone communication
📱mobile phone|cell telephone
📲mobile phone with arrow|call cell build receive telephone
☎️telephone
📞telephone receiver|voip
📟pager
📠fax machine
- computer
🔋battery
🪫low battery|power energy drained electronic
🔌electric plug|electricity
💻laptop|pc office personal
🖥️desktop computer|monitor
🖨️printer
⌨️keyboard
🖱️computer mouse
🖲️trackball
💽computer disk|optical minidisk
💾floppy disk
💿optical disk|cd blu ray dvd
📀dvd|cd blu ray disk optical
🧮abacus|calculator calculation
- light film video
🎥movie camera|cinema record bollywood hollywood
🎞️film frames|movie cinema
📽️film projector|movie cinema
🎬clapper board|movie action
📺television|tv
📷camera|tbt snap trip photo selfie
📸camera with flash
📹video camera|tbt camcorder
📼videocassette|old vcr vhs tape school
🔍magnifying glass tilted left|lab tool search science pointing
🔎magnifying glass tilted right|lab tool search contact science pointing
🕯️candle
💡light bulb|idea comic electric
🔦flashlight|tool torch electric
🏮red paper lantern|bar restaurant
🪔diya lamp|oil
- books paper
📔notebook with decorative cover|school writing decorated education
📕closed book|education
📖open book|novels fantasy library reading education knowledge
📗green book|fantasy library reading education
📘blue book|fantasy library reading education
📙orange book|fantasy library reading education
📚books|study novels school fantasy library reading
📓notebook
📒ledger|notebook
📃page with curl|document
📜scroll
📄page facing up|document
📰newspaper|communication
🗞️rolled-up newspaper
📑bookmark tabs|marker
🔖bookmark|mark
🏷️label|tag
- money bank
🪙coin|euro gold rich metal dollar silver
💰money bag|bet pot win cash cost gold
💴yen banknote|bill note currency
💵dollar banknote|bill note currency
💶euro banknote|100 bill note rich currency
💷pound banknote|cash note pounds billion currency
💸money with wings|fly pay cash note dollar billion
💳credit card|pay cash charge
🧾receipt|proof invoice evidence accounting bookkeeping
💹chart increasing with yen|rise graph trend growth market upward
- mail
✉️envelope|email letter
📧e-mail|email letter
📨incoming envelope|sent email letter receive delivering
📩envelope with arrow|down send sent email letter outgoing
📤outbox tray|box sent email letter
📥inbox tray|box zero email letter receive
📦package|box parcel delivery shipping communication
📫closed mailbox with raised flag|postbox communication
📪closed mailbox with lowered flag|postbox
📬open mailbox with raised flag|postbox
📭open mailbox with lowered flag|postbox
📮postbox|mailbox
🗳️ballot box with ballot
- writing
✏️pencil
✒️black nib|pen
🖋️fountain pen
🖊️pen|ballpoint
🖌️paintbrush|painting
🖍️crayon
📝memo|media notes pencil communication
- office supplies
💼briefcase
📁file folder
📂open file folder
🗂️card index dividers
📅calendar|date
📆tear-off calendar
🗒️spiral notepad|pad
🗓️spiral calendar|pad
📇card index|old school rolodex
📈chart increasing|data graph right trend growth upward
📉chart decreasing|data graph trend downward negative
📊bar chart|data graph
📋clipboard|do list notes
📌pushpin|pin collage
📍round pushpin|map pin location
📎paperclip
🖇️linked paperclips
📏straight ruler|edge math angle straightedge
📐triangular ruler|set math angle slide triangle
✂️scissors|tool paper cutting
🗃️card file box
🗄️file cabinet|paper filing
🗑️wastebasket|can trash garbage
- lock keys
🔒locked|closed private
🔓unlocked|open cracked
🔏locked with pen|ink nib privacy
🔐locked with key|bike closed secure
🔑key|major unlock password
🗝️old key|clue
- tools
🔨hammer|home repairs improvement
🪓axe|chop wood split hatchet
⛏️pick|hammer mining
⚒️hammer and pick
🛠️hammer and wrench|spanner
🗡️dagger|knife weapon
⚔️crossed swords|weapon
💣bomb|hot boom comic dangerous explosion
🪃boomerang|weapon rebound repercussion
🏹bow and arrow|weapon zodiac archery sagittarius
🛡️shield|weapon
🪚carpentry saw|cut trim lumber carpenter
🔧wrench|home spanner improvement
🪛screwdriver|handy flathead
🔩nut and bolt|home improvement
⚙️gear|cogwheel
🗜️clamp|vice compress
⚖️balance scale|libra scales weight zodiac justice
🦯white cane|blind probing accessibility
🔗link|links
⛓️‍💥broken chain|cuffs freedom breaking
⛓️chains
🪝hook|catch crook curve point ensnare selling
🧰toolbox|box red chest mechanic
🧲magnet|shape magnetic negative positive horseshoe attraction
🪜ladder|rung step climb
🪏shovel|dig bury hole snow plant scoop
- science equipment
⚗️alembic|tool chemistry
🧪test tube|lab chemistry experiment
🧫petri dish|lab biology culture bacteria biologist
🧬dna|life genetics biologist evolution
🔬microscope|lab tool experiment
🔭telescope|tool contact extraterrestrial
📡satellite antenna|dish aliens contact
- medical
💉syringe|flu shot sick tool doctor needle
🩸drop of blood|bleed injury donation medicine menstruation
💊pill|sick drugs pills doctor vitamin medicine
🩹adhesive bandage
🩼crutch|aid cane help hurt stick injured
🩺stethoscope|heart doctor medicine
🩻x-ray|xray bones skull doctor skeleton
- household items
🚪door|back front closet
🛗elevator|lift hoist accessibility
🪞mirror|makeup speculum reflector reflection
🪟window|air view frame fresh opening transparent
🛏️bed|hotel sleep
🛋️couch and lamp|hotel
🪑chair|sit seat
🚽toilet|bathroom
🪠plunger|cup poop force toilet plumber suction
🚿shower|water
🛁bathtub
🪤mouse trap|bait lure snare cheese mousetrap
🪒razor|sharp shave
🧴lotion bottle|shampoo sunscreen moisturizer
🧷safety pin|punk rock diaper
🧹broom|witch cleaning sweeping
🧺basket|picnic farming laundry
🧻roll of paper|toilet towels
🪣bucket|vat cask pail
🧼soap|bar lather bathing cleaning soapdish
🫧bubbles|burp soap clean pearl floating underwater
🪥toothbrush|brush clean teeth dental hygiene bathroom
🧽sponge|soak porous cleaning absorbing
🧯fire extinguisher|quench
🛒shopping cart|trolley
- other objects
🚬cigarette|smoking
⚰️coffin|dead death vampire
🪦headstone|rip dead cemetery memorial graveyard tombstone
⚱️funeral urn|ashes death
🧿nazar amulet|eye bead blue evil charm talisman
🪬hamsa|hand mary palm guide amulet fatima
🗿moai|face moyai statue travel stoneface
🪧placard|card sign notice picket plaque protest
🪪identification card|license document security credentials
# Symbols
- transport signs
🏧ATM sign|bank cash money teller automated
🚮litter in bin sign|litterbin
🚰potable water|drinking
♿wheelchair symbol|access handicap
🚹men’s room|wc man toilet bathroom lavatory restroom
🚺women’s room|wc woman toilet bathroom lavatory restroom
🚻restroom|wc toilet bathroom lavatory
🚼baby symbol|changing
🚾water closet|wc toilet bathroom lavatory restroom
🛂passport control
🛃customs|packing
🛄baggage claim|bags case trip plane ready travel
🛅left luggage|case locker baggage
- warning symbols forbidden no not prohibited
⚠️warning|caution
🚸children crossing|traffic pedestrian
⛔no entry|do fail pass traffic
🚫prohibited|entry smoke
🚳no bicycles|bike
🚭no smoking|smoke
🚯no littering
🚱non-potable water|dry drinking
🚷no pedestrians
📵no mobile phones|cell telephone
🔞no one under eighteen|18 age underage restriction
☢️radioactive|sign
☣️biohazard|sign
- arrows
⬆️up arrow|north cardinal direction
↗️up-right arrow|direction northeast intercardinal
➡️right arrow|east cardinal direction
↘️down-right arrow|direction southeast intercardinal
⬇️down arrow|south cardinal direction
↙️down-left arrow|direction southwest intercardinal
⬅️left arrow|west cardinal direction
↖️up-left arrow|direction northwest intercardinal
↕️up-down arrow
↔️left-right arrow
↩️right arrow curving left
↪️left arrow curving right
⤴️right arrow curving up
⤵️right arrow curving down
🔃clockwise vertical arrows|reload refresh
🔄counterclockwise arrows button|vu deja again refresh anticlockwise rewindershins
🔙BACK arrow
🔚END arrow
🔛ON! arrow|mark
🔜SOON arrow|brb omw
🔝TOP arrow|up homie
- religious symbols religion
🛐place of worship|pray
⚛️atom symbol|atheist
🕉️om|hindu
✡️star of David|jewish judaism
☸️wheel of dharma|buddhist
☯️yin yang|lives total taoist yinyang difficult
✝️latin cross|christian
☦️orthodox cross|christian
☪️star and crescent|islam muslim ramadan
☮️peace symbol|healing peaceful
🕎menorah|jewish judaism hanukkah candelabrum candlestick
🔯dotted six-pointed star|jewish fortune judaism
🪯khanda|deg tegh fateh khalsa sikhism
- zodiac signs horoscope
♈Aries|ram
♉Taurus|ox bull
♊Gemini|twins
♋Cancer|crab
♌Leo|lion
♍Virgo
♎Libra|scales balance justice
♏Scorpio|scorpion scorpius
♐Sagittarius|archer
♑Capricorn|goat
♒Aquarius|water bearer
♓Pisces|fish
⛎Ophiuchus|snake bearer serpent
- audio video symbols button
🔀shuffle tracks button|arrow crossed
🔁repeat button|arrow clockwise
🔂repeat single button|once arrow clockwise
▶️play button|arrow right triangle
⏩fast-forward button|arrow double
⏭️next track button|arrow scene triangle
⏯️play or pause button|arrow right triangle
◀️reverse button|left arrow triangle
⏪fast reverse button|arrow double rewind
⏮️last track button|arrow scene previous triangle
🔼upwards button|red arrow
⏫fast up button|arrow double
🔽downwards button|red arrow
⏬fast down button|arrow double
⏸️pause button|bar double vertical
⏹️stop button|square
⏺️record button|circle
⏏️eject button
🎦cinema|film movie camera
🔅dim button|low brightness
🔆bright button|light brightness
📶antenna bars|cell phone mobile signal telephone communication
🛜wireless|fi wifi wlan router hotspot network
📳vibration mode|cell phone mobile telephone communication
📴mobile phone off|cell telephone
- gender signs
♀️female sign|woman
♂️male sign|man
⚧️transgender symbol
- math symbols sign
✖️multiply|cancel multiplication
➕plus
➖minus|heavy
➗divide|heavy division
🟰heavy equals sign|answer equality
♾️infinity|forever unbounded universal
- punctuation mark
‼️double exclamation mark|bangbang
⁉️exclamation question mark|interrobang
❓red question mark
❔white question mark|outlined
❕white exclamation mark|outlined
❗red exclamation mark
〰️wavy dash
- currencies
💱currency exchange|bank money
💲heavy dollar sign|pay cash money charge billion million
- other symbols
⚕️medical symbol|staff medicine aesculapius
♻️recycling symbol|recycle
⚜️fleur-de-lis|knights
🔱trident emblem|ship tool anchor poseidon
📛name badge
🔰Japanese symbol for beginner|leaf tool green yellow chevron
⭕hollow red circle|heavy large
✅check mark button|done tick fixed checked checkmark completed
☑️check box with check|off done tick ballot checked
✔️check mark|done tick heavy checked checkmark
❌cross mark|cancel multiply multiplication
❎cross mark button|square multiply multiplication
➰curly loop
➿double curly loop
〽️part alternation mark
✳️eight-spoked asterisk
✴️eight-pointed star
❇️sparkle
©️copyright
®️registered
™️trade mark|tm trademark
🫟splatter|ink drip holi mess paint spill
- keypad characters keycap
#️⃣keycap: #
*️⃣keycap: *
0️⃣keycap: 0|zero
1️⃣keycap: 1|one
2️⃣keycap: 2|two
3️⃣keycap: 3|three
4️⃣keycap: 4|four
5️⃣keycap: 5|five
6️⃣keycap: 6|six
7️⃣keycap: 7|seven
8️⃣keycap: 8|eight
9️⃣keycap: 9|nine
🔟keycap: 10
- alphanumeric symbols button
🔠input latin uppercase|abcd letters
🔡input latin lowercase|abcd letters
🔢input numbers|1234
🔣input symbols
🔤input latin letters|abc alphabet
🅰️A button (blood type)
🆎AB button (blood type)
🅱️B button (blood type)
🆑CL button
🆒COOL button
🆓FREE button
ℹ️information
🆔ID button|identity
Ⓜ️circled M
🆕NEW button
🆖NG button
🅾️O button (blood type)
🆗OK button|okay
🅿️P button|parking
🆘SOS button|help
🆙UP! button|mark
🆚VS button|versus
🈁Japanese “here” button|katakana
🈂️Japanese “service charge” button|katakana
🈷️Japanese “monthly amount” button|ideograph
🈶Japanese “not free of charge” button|ideograph
🈯Japanese “reserved” button|ideograph
🉐Japanese “bargain” button|ideograph
🈹Japanese “discount” button|ideograph
🈚Japanese “free of charge” button|ideograph
🈲Japanese “prohibited” button|ideograph
🉑Japanese “acceptable” button|ideograph
🈸Japanese “application” button|ideograph
🈴Japanese “passing grade” button|ideograph
🈳Japanese “vacancy” button|ideograph
㊗️Japanese “congratulations” button|ideograph
㊙️Japanese “secret” button|ideograph
🈺Japanese “open for business” button|ideograph
🈵Japanese “no vacancy” button|ideograph
- shapes colors geometric
🔴red circle
🟠orange circle
🟡yellow circle
🟢green circle
🔵blue circle
🟣purple circle
🟤brown circle
⚫black circle
⚪white circle
🟥red square|card penalty
🟧orange square
🟨yellow square|card penalty
🟩green square
🟦blue square
🟪purple square
🟫brown square
⬛black large square
⬜white large square
◼️black medium square
◻️white medium square
◾black medium-small square
◽white medium-small square
▪️black small square
▫️white small square
🔶large orange diamond
🔷large blue diamond
🔸small orange diamond
🔹small blue diamond
🔺red triangle pointed up
🔻red triangle pointed down
💠diamond with a dot|comic
🔘radio button
🔳white square button|outlined
🔲black square button
# Flags
- other flags
🏁chequered flag|win game race sport finish racing
🚩triangular flag|golf post construction
🎌crossed flags|japanese celebration
🏴black flag|waving
🏳️white flag|waving
🏳️‍🌈rainbow flag|gay glbtq pride queer lesbian lgbtqia
🏳️‍⚧️transgender flag|blue pink light white
🏴‍☠️pirate flag|jolly roger plunder treasure
- country flags
🇦🇨
🇦🇩
🇦🇪
🇦🇫
🇦🇬
🇦🇮
🇦🇱
🇦🇲
🇦🇴
🇦🇶
🇦🇷
🇦🇸
🇦🇹
🇦🇺
🇦🇼
🇦🇽
🇦🇿
🇧🇦
🇧🇧
🇧🇩
🇧🇪
🇧🇫
🇧🇬
🇧🇭
🇧🇮
🇧🇯
🇧🇱
🇧🇲
🇧🇳
🇧🇴
🇧🇶
🇧🇷
🇧🇸
🇧🇹
🇧🇻
🇧🇼
🇧🇾
🇧🇿
🇨🇦
🇨🇨
🇨🇩
🇨🇫
🇨🇬
🇨🇭
🇨🇮
🇨🇰
🇨🇱
🇨🇲
🇨🇳
🇨🇴
🇨🇵
🇨🇶
🇨🇷
🇨🇺
🇨🇻
🇨🇼
🇨🇽
🇨🇾
🇨🇿
🇩🇪
🇩🇬
🇩🇯
🇩🇰
🇩🇲
🇩🇴
🇩🇿
🇪🇦
🇪🇨
🇪🇪
🇪🇬
🇪🇭
🇪🇷
🇪🇸
🇪🇹
🇪🇺
🇫🇮
🇫🇯
🇫🇰
🇫🇲
🇫🇴
🇫🇷
🇬🇦
🇬🇧
🇬🇩
🇬🇪
🇬🇫
🇬🇬
🇬🇭
🇬🇮
🇬🇱
🇬🇲
🇬🇳
🇬🇵
🇬🇶
🇬🇷
🇬🇸
🇬🇹
🇬🇺
🇬🇼
🇬🇾
🇭🇰
🇭🇲
🇭🇳
🇭🇷
🇭🇹
🇭🇺
🇮🇨
🇮🇩
🇮🇪
🇮🇱
🇮🇲
🇮🇳
🇮🇴
🇮🇶
🇮🇷
🇮🇸
🇮🇹
🇯🇪
🇯🇲
🇯🇴
🇯🇵
🇰🇪
🇰🇬
🇰🇭
🇰🇮
🇰🇲
🇰🇳
🇰🇵
🇰🇷
🇰🇼
🇰🇾
🇰🇿
🇱🇦
🇱🇧
🇱🇨
🇱🇮
🇱🇰
🇱🇷
🇱🇸
🇱🇹
🇱🇺
🇱🇻
🇱🇾
🇲🇦
🇲🇨
🇲🇩
🇲🇪
🇲🇫
🇲🇬
🇲🇭
🇲🇰
🇲🇱
🇲🇲
🇲🇳
🇲🇴
🇲🇵
🇲🇶
🇲🇷
🇲🇸
🇲🇹
🇲🇺
🇲🇻
🇲🇼
🇲🇽
🇲🇾
🇲🇿
🇳🇦
🇳🇨
🇳🇪
🇳🇫
🇳🇬
🇳🇮
🇳🇱
🇳🇴
🇳🇵
🇳🇷
🇳🇺
🇳🇿
🇴🇲
🇵🇦
🇵🇪
🇵🇫
🇵🇬
🇵🇭
🇵🇰
🇵🇱
🇵🇲
🇵🇳
🇵🇷
🇵🇸
🇵🇹
🇵🇼
🇵🇾
🇶🇦
🇷🇪
🇷🇴
🇷🇸
🇷🇺
🇷🇼
🇸🇦
🇸🇧
🇸🇨
🇸🇩
🇸🇪
🇸🇬
🇸🇭
🇸🇮
🇸🇯
🇸🇰
🇸🇱
🇸🇲
🇸🇳
🇸🇴
🇸🇷
🇸🇸
🇸🇹
🇸🇻
🇸🇽
🇸🇾
🇸🇿
🇹🇦
🇹🇨
🇹🇩
🇹🇫
🇹🇬
🇹🇭
🇹🇯
🇹🇰
🇹🇱
🇹🇲
🇹🇳
🇹🇴
🇹🇷
🇹🇹
🇹🇻
🇹🇼
🇹🇿
🇺🇦
🇺🇬
🇺🇲
🇺🇳
🇺🇸
🇺🇾
🇺🇿
🇻🇦
🇻🇨
🇻🇪
🇻🇬
🇻🇮
🇻🇳
🇻🇺
🇼🇫
🇼🇸
🇽🇰
🇾🇪
🇾🇹
🇿🇦
🇿🇲
🇿🇼
- subdivision flags
🏴󠁧󠁢󠁥󠁮󠁧󠁿flag: England|gbeng
🏴󠁧󠁢󠁳󠁣󠁴󠁿flag: Scotland|gbsct
🏴󠁧󠁢󠁷󠁬󠁳󠁿flag: Wales|gbwls
`;
