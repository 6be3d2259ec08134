"""Where a picture happens, when, in what weather, and what hangs in its sky."""

PLACES = {
    "sea": "sea|ocean|seaside|seascape|waves|water|bay|harbor|harbour|at sea|open sea|海|大海|海洋|海上|海面|海里|海边|海浪|水面|水里|水上|港口",
    "beach": "beach|shore|seashore|coast|sand|sandy beach|沙滩|海滩|海岸",
    "underwater": "underwater|under water|under the sea|deep sea|coral reef|reef|ocean floor|aquarium|seabed|水下|海底|深海|珊瑚礁|水族馆",
    "lake": "lake|pond|river|lakeside|riverbank|stream|湖|湖泊|湖边|湖面|池塘|河|河流|河边|小溪|江",
    "meadow": "meadow|field|grass|grassland|lawn|garden|park|countryside|farm|pasture|prairie|hill|hills|valley|flower field|orchard|spring|草地|草原|草坪|花园|公园|田野|农场|乡村|乡下|山坡|山谷|田园|春天|牧场|花海",
    "savanna": "savanna|savannah|safari|africa|稀树草原|非洲|大草原",
    "forest": "forest|woods|woodland|jungle|rainforest|in the trees|grove|森林|树林|丛林|林间|雨林|竹林",
    "mountain": "mountain|mountains|mountain range|peak|peaks|alps|cliff|canyon|hillside|summit|山|高山|群山|山脉|雪山|山顶|山上|山峰|峡谷|悬崖",
    "desert": "desert|dune|dunes|sahara|oasis|沙漠|沙丘|戈壁|绿洲",
    "city": "city|street|town|downtown|skyline|road|city street|urban|metropolis|alley|highway|sidewalk|neighborhood|village|cityscape|cyberpunk|城市|街道|街|街上|都市|马路|公路|小镇|大街|城镇|村庄|市区|路上|胡同",
    "room": "room|bedroom|living room|indoors|inside|house interior|interior|library|office|classroom|studio|home|房间|卧室|客厅|室内|屋里|家里|书房|教室|办公室|图书馆",
    "table": "table|kitchen|tabletop|desk|dining table|counter|restaurant|cafe|still life|plate|wooden table|桌子|木桌|桌上|桌面|餐桌|厨房|餐厅|咖啡馆|盘子|书桌",
    "snow": "snow|snowy|winter|arctic|antarctica|ice|tundra|north pole|south pole|snowfield|frozen|雪地|雪|冬天|冬季|北极|南极|冰|冰天雪地|雪原|雪中|雪景|冰雪",
    "space": "space|outer space|galaxy|cosmos|universe|nebula|orbit|milky way|starfield|太空|宇宙|星空|银河|外太空|星系|星云",
    "moon": "on the moon|moon surface|lunar surface|surface of the moon|on mars|mars|planet surface|月球|月球表面|月球上|火星|火星上",
    "sky": "sky|in the sky|clouds|above the clouds|air|heaven|天空|空中|天上|云端|云朵|蓝天|白云",
}

TIMES = {
    "day": "day|daytime|noon|midday|morning|sunny|sunshine|sunlight|summer|afternoon|blue sky|白天|中午|早晨|早上|上午|下午|晴天|阳光|夏天|晴朗|阳光明媚",
    "dawn": "dawn|sunrise|daybreak|early morning|pink sky|黎明|日出|清晨|拂晓|破晓|朝霞",
    "sunset": "sunset|dusk|evening|golden hour|twilight|sundown|autumn|fall|日落|黄昏|傍晚|夕阳|晚霞|余晖|秋天|秋季",
    "night": "night|midnight|nighttime|at night|moonlight|moonlit|dark|starry|starry night|stars|starlight|night sky|evening sky|夜|夜晚|晚上|午夜|夜里|深夜|月光|星光|夜色|繁星|星星|夜空|夜景|月夜|月光下",
}

WEATHERS = {
    "rain": "rain|rainy|raining|rainfall|drizzle|storm|stormy|thunderstorm|downpour|in the rain|雨|下雨|雨天|雨中|暴雨|雷雨|小雨|大雨|下着雨|暴风雨",
    "snow": "snowing|snowfall|snowstorm|blizzard|falling snow|snowflakes|下雪|飘雪|雪花|大雪|暴雪|下着雪",
    "fog": "fog|foggy|mist|misty|haze|hazy|雾|大雾|薄雾|雾气|迷雾",
}

# Things of the sky that backdrops draw themselves, better than a glyph would look there.
SKY = {
    "sun": "sun|the sun|太阳",
    "moon": "moon|full moon|the moon|月亮|满月|圆月|明月",
    "clouds": "cloud|cloudy|fluffy clouds|云|云彩|多云",
    "rainbow": "rainbow|彩虹",
    "aurora": "aurora|northern lights|aurora borealis|极光|北极光",
}

# What these say about the hour when nothing else does.
SKY_TIME = {"moon": "night", "aurora": "night"}
# A place that brings its weather or hour.
PLACE_WORDS_WITH_TIME = {"星空": "night", "starfield": "night", "spring": "day", "春天": "day"}
