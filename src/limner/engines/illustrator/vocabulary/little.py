"""The little words: colours, counts, sizes, and those that a picture can leave unsaid."""

COLOURS = {
    "red": ("#e0332c", "red|crimson|scarlet|ruby|红|红色|大红|鲜红|赤"),
    "orange": ("#f58a1f", "orange|tangerine|橙|橙色|橘色|橘红色"),
    "yellow": ("#fbd02d", "yellow|lemon yellow|黄|黄色|明黄"),
    "gold": ("#d9a520", "gold|golden|金|金色|金黄|金黄色"),
    "green": ("#3fae49", "green|emerald|lime|olive|绿|绿色|翠绿|草绿|墨绿"),
    "teal": ("#149c94", "teal|turquoise|青|青色|青绿|碧绿"),
    "cyan": ("#2bc4dc", "cyan|aqua|青蓝|湖蓝|天青"),
    "light blue": ("#7cc4f5", "light blue|sky blue|pale blue|baby blue|浅蓝|浅蓝色|天蓝|天蓝色|淡蓝|淡蓝色"),
    "blue": ("#3f86f2", "blue|azure|cobalt|蓝|蓝色|湛蓝"),
    "dark blue": ("#234a9c", "dark blue|navy|navy blue|indigo|深蓝|深蓝色|藏青|藏蓝|靛蓝"),
    "purple": ("#8e4fd0", "purple|violet|紫|紫色|紫罗兰色"),
    "lavender": ("#b79cf0", "lavender|lilac|淡紫|淡紫色|浅紫色"),
    "magenta": ("#d63fb0", "magenta|fuchsia|洋红|品红"),
    "pink": ("#f48fb8", "pink|rosy|粉|粉色|粉红|粉红色|桃红"),
    "brown": ("#8a5a3c", "brown|chestnut brown|tan|chocolate brown|棕|棕色|褐色|咖啡色|棕褐色"),
    "beige": ("#e3cfaa", "beige|cream coloured|cream-colored|米色|米黄色"),
    "white": ("#f4f4f2", "white|snow-white|ivory|白|白色|雪白|洁白"),
    "grey": ("#8f959c", "grey|gray|灰|灰色|银灰"),
    "silver": ("#c3cad2", "silver|silvery|银|银色"),
    "black": ("#2b2d33", "black|jet black|黑|黑色|漆黑|乌黑"),
}
COLOUR_NAMES_ZH = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "gold": "金色", "green": "绿色", "teal": "青绿色", "cyan": "青色",
    "light blue": "浅蓝色", "blue": "蓝色", "dark blue": "深蓝色", "purple": "紫色", "lavender": "淡紫色", "magenta": "洋红色",
    "pink": "粉色", "brown": "棕色", "beige": "米色", "white": "白色", "grey": "灰色", "silver": "银色", "black": "黑色",
}  # fmt: skip

COUNTS = {
    1: "a|an|one|single|1|一|一个",
    2: "two|a couple of|a pair of|couple of|pair of|both|twin|2|二|两|一对|一双|俩",
    3: "three|a few|several|few|some|trio of|3|family of|a family of|三|几|一些|几个|若干",
    4: "four|4|四",
    5: "five|many|a group of|group of|lots of|a lot of|5|五|许多|很多|一群|众多",
    6: "six|half a dozen|6|六",
    7: "seven|a herd of|herd of|a flock of|flock of|7|七",
    8: "eight|8|八",
    9: "nine|9|九",
    10: "ten|10|十|十个",
    11: "eleven",
    12: "twelve|a dozen|dozen|十二",
    15: "fifteen",
    20: "twenty|二十",
    30: "thirty|三十",
    50: "fifty|五十",
    100: "hundred|a hundred|one hundred|hundreds of|dozens of|countless|百|一百|上百|成百上千|无数",
    1000: "thousand|a thousand|one thousand|thousands of|million|a million|millions of|千|一千|上千|成千上万|万|一万",
}
MEASURES = "只|个|条|头|匹|辆|朵|棵|座|间|架|艘|位|名|本|张|片|株|颗|枝|杯|碗|盘|块|支|把|架|幢|栋|尾|群|束|串|根|台|部|件|顶|双|对|口|轮|粒|盏|艘|叶|枚|列|幅|副|盆|瓶"

SIZES = {
    "baby": "baby|young|newborn|infant|宝宝|小宝宝|幼|幼小|幼年|婴儿",
    "small": "small|little|tiny|miniature|mini|小|小小|迷你|微小|小小的",
    "large": "large|big|huge|giant|enormous|gigantic|massive|tall|大|巨大|大大|庞大|高大|巨型",
}

# The caller's own size words that may be repeated; the others are described by their meaning.
SIZES_SAID = frozenset(("young", "little", "tiny", "big", "tall"))

NEGATIONS = "no|without|not|not any|never|zero|0|free of|avoid|没有|不要|无|别画|不带|不含|不画"
PREDICATES = "is|are|was|were|be|coloured|colored|是"
JOINTS = (
    "and|or|nor|with|at|by|near|beside|next to|between|from|of|to|into|through|along|while|as|who|that|which|where|there|"
    "和|或|与|跟|及|以及|有|还有|并且|中|旁|旁边|之间|周围|附近|一旁|前|前面|穿过"
)
ARTICLES = "a|an|the|this|that|these|those|its|his|her|their|our|my|your|每|这|那"
# These say how one thing is to another: a picture of both is not yet a picture of that. `over` and `under` and so on are
# looked up in the finished scene; `at` is never drawn.
RELATIONS = {
    "over": "over|above",
    "under": "under|below|beneath|underneath",
    "behind": "behind",
    "before": "in front of",
    "at": "on|in|inside|on top of|atop|against|around|across|inside of|next to each other|hand in hand|在|坐着",
    "after": "上|下|里|里面|上面|下面|后|后面|里边|下方|上方",
}
# What a thing does. Whether it is seen depends on the drawing's stance.
ACTIONS = {
    "float": "floating|floats|swimming|swims|drifting|sailing|sails|漂浮|漂|游泳|游|航行",
    "fly": "flying|flies|gliding|hovering|soaring|飞|飞翔|飞行",
    "sit": "sitting|sits|seated|sat|坐|坐在",
    "none": (
        "lying|walking|running|playing|looking|sleeping|resting|perched|grazing|watching|looking at|staring|gazing|waiting|hiding|moving|coming|"
        "wearing|wears|holding|holds|riding|rides|eating|eats|driving|drives|reading|reads|hugging|chasing|chases|carrying|drinking|kissing|pulling|pushing|"
        "catching|feeding|playing with|jumping|jumping over|climbing|cooking|singing|fighting|pointing|dancing with|holding hands|laughing|crying|"
        "dressed as|dressed in|covered in|covered with|surrounded by|made of|made out of|filled with|shaped like|"
        "躺|躺在|走|走路|跑|奔跑|玩|玩耍|看|看着|睡觉|休息|趴|趴在|站在|带着|拿着|穿着|戴着|骑着|抱着|吃|吃着|喝|喝着|开着|弹|弹着|追|追着|骑|手牵手|手拉手|牵手|跳|跳舞"
    ),
}

# Said of a picture rather than to be seen in it: nothing is missing when they are not drawn.
UNSAID = (
    "cute|adorable|beautiful|pretty|lovely|nice|sweet|charming|delightful|wonderful|amazing|gorgeous|stunning|magnificent|"
    "very|really|so|quite|just|also|too|all|other|same|tiny bit|please|"
    "image|picture|illustration|drawing|scene|art|artwork|draw|paint|show|showing|depicting|create|generate|make|design|cartoon|flat|vector|clipart|style|style of|"
    "view|background|foreground|distance|featuring|it|they|he|she|i|we|you|me|us|them|him|up|down|out|off|left|right|front|back|top|bottom|"
    "standing|stands|standing on|has|have|cozy|cosy|scenic|"
    "having|does|do|don't|can|will|would|should|could|for|but|if|then|than|like|more|most|own|one another|each|together|"
    "s|row of|rows of|pair|single|alone|near|far|distant|nearby|clear|full|open|above|shining|blooming|blossoming|growing|parked|anchored|"
    "going|set|outside|outdoors|during|some|any|every|kind of|sort of|full of|filled|lone|middle|side|edge|end|center|centre|kinds|in the style of|"
    "possible|want|would like|need|let|see|give|picture of|image of|"
    "可爱|可爱的|美丽|美丽的|漂亮|好看|可人|温馨|一幅|一张|一副|图|图片|图像|"
    "画|插画|插图|画面|请|请画|帮我|给我|生成|绘制|创作|展示|的|了|着|地|得|们|很|非常|十分|特别|它|他|她|我|你|之|其|想要|一下|"
    "正在|正|站|站着|盛开|背景|前景|风格|场景|一起|时分|时候|充满|围绕|到处|满|开|停|停着|挂|挂着|中间|中央|外|外面|边|左边|右边|"
    "、|，|。"
)
# Asked for, and without effect on the drawing: named as such.
QUALITIES = (
    "happy|joyful|cheerful|playful|funny|friendly|smiling|gentle|peaceful|calm|quiet|serene|warm|fluffy|furry|magical|sad|angry|"
    "fresh|old|new|busy|crowded|ancient|modern|old-fashioned|vintage|retro|elegant|majestic|mighty|brave|proud|sleepy|hungry|happily|quietly|peacefully|slowly|"
    "shiny|sparkling|glowing|dreamy|whimsical|enchanted|mysterious|epic|dramatic|idyllic|lush|tropical|rustic|traditional|early|late|high|low|deep|long|short|"
    "round|fat|thin|chubby|fuzzy|cuddly|sweetly|empty|closed|scattered|covered|surrounded|wild|lonely|fairy tale|fairytale|pirate|"
    "on the left|on the right|to the left|to the right|in the corner|in the middle|upside down|close up|close-up|from above|from behind|"
    "bowl of|plate of|glass of|slice of|piece of|bunch of|basket of|pile of|bottle of|depth of field|shallow depth of field|"
    "pixel art|line art|concept art|oil painting|van gogh|studio ghibli|ghibli style|studio lighting|studio light|golden ratio|photo|photograph|portrait|3d render|"
    "快乐|开心|高兴|安静|宁静|平静|温暖|温柔|梦幻|神奇|活泼|调皮|照片|照片级|摄影|油画|水彩|水彩画|水墨|水墨画|国画|素描|写实|超写实|复古|电影感|电影级|"
    "赛博朋克|毛茸茸|胖|胖胖|瘦|老|旧|新|古老|现代|神秘|孤独|困倦|左侧|右侧|左下角|右上角|左上角|右下角|特写|景深|高清|超高清|浅景深"
)
# True of one of the two styles only.
VIVID = "colorful|colourful|vibrant|bright|vivid|鲜艳|鲜明|色彩鲜艳|色彩缤纷|五颜六色|明亮"
MUTED = "soft|muted|pastel|natural|柔和|自然"
