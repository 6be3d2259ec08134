"""Which CLDR keywords may stand for a glyph.

A keyword says what a glyph has to do with: "ugly" leads to a swan, "wild" to broccoli. So the English ones that really
are names are listed; of the Chinese ones those count that belong to one glyph of a tangible kind.
"""

from limner.engines.illustrator.vocabulary import called

_ENGLISH_WORDS = """
aeroplane ale almond alpaca ammo amoeba ape archery arrow aubergine bag banana bandage banner barbell beads beak
beanstalk beer beet belly bento berry beverage billiard birdie blouse bolt bones boot bottle boulder bowl bowling
box brachiosaurus branch brontosaurus brush bud buffalo bulb bull bunny burger burrito buttercup cab cabbage cable
camcorder cane cantaloupe cap capsicum carnation carousel carp carton cash casket cauldron cello cereal chapel chips
chickpea chimp chocolate claws clover cocktail coder coffin cog cogwheel coin collar comb concertina conch congee
copter cork crane crayon crow cruise cube cupid curry cutlery cygnet dagger dairy dandelion dart dentist desktop
diamond dice dinosaur diplodocus disc djinn doctor doll doughnut donut dracula dress dromedary drum drumstick dvd
earbud earth earthworm edamame electrician elk empanada engine engineer escargot extraterrestrial eyeglasses father
fencer fern fiddle film firebird firetruck fist flame flats float flower flute football fork fowl frame frankfurter
fries fungus gander garbage gardener gas gem genie gift globe glove goblin gold golf gondola grandchild grandfather
grandma grandmother grandpa granny grape graveyard grasshopper grizzly groom guanaco gun gyro handgun handkerchief
hat headscarf heel helmet hero heroine hijab hinny hippo hotdog hotcake hourglass human hummus hurricane iceberg
icecream instrument jack jacket jelly jet jewel jiaozi jigsaw joey jug juice kale kebab keys kid kitten kitty kiwi
knight lady ladybird ladybug lamb lamp lantern laptop lavender leaf legs lemonade lettuce lightning lilac lion
lipstick liquor log lorry lotion lunch magician maggot mail mailbox maize mango map mare martini mask matryoshka
meatball medal merwoman mic microbe milk mine mollusk monster moped moose motor motorboat mountains mousetrap movie
mug mule mummy nail naan necklace nectarine needle nest net noodle notepad novel nurse oar octopi oatmeal owl pad
paddle paella pail painter pair palace palm pancake pants paper papaya parachute parcel parrot pasta pastry pawn paw
pea peace peahen peanut pearl peas pepper pepperoni piano pickle pickup pierogi pig pigeon pills pin pinata pingpong
pint pipe pirate pistol pita pixie plane plate plug plum plumber police pony pork porridge portobello poseidon pot
potsticker pouch power prawn present prize puck puma pumpkin puppy purse puzzle racehorse racquet radish raft rail
railway ram ramen rat raven razor record reef reptile rickshaw ring road robin rockets rooster rope rowboat rucksack
rugby safe salad salsa sandal santa sasquatch satchel saturn saucer sauna sausage sax saxophone scale scissors
scooter seafood seal serpent shark shears sheep shell shellfish shiitake shinkansen ship shirt shoe shovel shrimp
shrub shuttlecock silver skateboard skates skeleton ski sled sledge sleigh sleuth slice slipper slug snapdragon
sneaker snowboard soap soccer soda sofa soldier sorcerer soup spa spade spanner spark speaker spider squirrel star
statue steak stein sticker stiletto stone stool stoplight store stove straw strawberry stroller subway suit suitcase
sun sunflower sunscreen surfboard surfer sushi swim swimmer sword swords syringe tabby taco talisman tea teacup
teapot teddy terrapin theatre theater tickets tie timer tire toadstool toast toboggan tomb tombstone tophat torch
tortoise towel toy tracks trap trashcan treasure tricycle trident trolley trophy trousers truck truffle trunk tshirt
tub tuk tumbler turban turkey turnip turtle tuxedo typhoon tyrannosaurus ufo umbrella underwear unicycle urn van
vase vegetable veggie vest villain violin virus vulture waffle walkman wallet walnut wand warrior watch watermelon
weapon web whale wheat wheel wheels whirlwind whiskey whisky wildflower wine wings witch wizard wok workout worm
wrench yacht yak yeti yogi yoyo yurt zombie zucchini
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_TANGIBLE = (
    "animal", "plant", "food", "drink", "dishware", "transport-ground", "transport-water", "transport-air", "clothing",
    "musical-instrument", "household", "tool", "computer", "phone", "sport", "game", "place-building", "event", "book-paper",
)  # fmt: skip


def is_useful(word: str, *, language: str, kinds: list[str], name: str) -> bool:
    """Whether a picture of the first glyph that has the keyword would be a picture of `word`; `kinds`: all their kinds.

    `name` is that glyph's: a Chinese keyword without one character of it is mostly a thought about the thing ("work" leads
    to a necktie), so those count that were looked at.
    """
    if language == "zh":
        near = bool(set(word) & set(name)) or word in called.CHINESE_KEYWORDS
        return near and len(word) > 1 and len(kinds) == 1 and kinds[0].startswith(_TANGIBLE)
    return word in _ENGLISH or (" " in word and len(kinds) == 1 and kinds[0].startswith(_TANGIBLE))
